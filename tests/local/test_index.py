"""The local index, on both databases."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

import atdata
from atdata._protocols import AbstractIndex, IndexEntry
from atdata.errors import (
    EntryConflict,
    EntryError,
    EntryNotFound,
    RecordError,
    SchemaConflict,
    SchemaError,
    SchemaNotFound,
    ShardError,
    UrlError,
)
from atdata.local import Index, LocalDiskStore, LocalIndex
from atdata.shards.info import content_cid, inspect_shard

from .conftest import open_index
from .samples import Other, Reading, readings

MakeShards = Callable[..., list[Path]]


@pytest.fixture
def ds(make_shards: MakeShards) -> atdata.Dataset[Reading]:
    """Five samples in three shards."""
    return atdata.Dataset[Reading]([str(path) for path in make_shards(readings(5))])


@pytest.fixture
def stored_index(place: str, tmp_path: Path) -> Iterator[LocalIndex]:
    """An index with a data store."""
    with open_index(place, data_store=LocalDiskStore(tmp_path / "store")) as opened:
        yield opened


class TestInsertDataset:
    def test_it_publishes_the_schema_and_adds_an_entry(
        self, index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        entry = index.insert_dataset(ds, name="readings", metadata={"lab": 302, "rate": 0.5})
        assert isinstance(entry, IndexEntry)
        assert entry.name == "readings"
        assert entry.schema_ref == "atdata://local/sampleSchema/Reading@1.0.0"
        assert entry.metadata == {"lab": 302, "rate": 0.5}
        assert entry.data_urls == ds.list_shards()
        assert index.get_dataset("readings") == entry
        assert index.get_schema(entry.schema_ref).cid == entry.schema_cid

    def test_local_shards_are_known(self, index: LocalIndex, ds: atdata.Dataset[Reading]) -> None:
        entry = index.insert_dataset(ds, name="readings")
        shards = [inspect_shard(path) for path in ds.list_shards()]
        assert entry.shards == tuple(shards)
        assert entry.schema_cid is not None
        assert entry.cid == entry.content_cid == content_cid(entry.schema_cid, shards)

    def test_the_store_gets_the_samples(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading], tmp_path: Path
    ) -> None:
        entry = stored_index.insert_dataset(ds, name="readings", prefix="lab/x", maxcount=4)
        assert [info.samples for info in entry.shards or ()] == [4, 1]
        assert all(url.startswith(str(tmp_path / "store" / "lab" / "x")) for url in entry.data_urls)
        sample_type = stored_index.decode_schema(entry.schema_ref)
        found = list(atdata.Dataset[sample_type](entry.data_urls).ordered())  # type: ignore[valid-type]
        assert [sample.sensor for sample in found] == [sample.sensor for sample in readings(5)]
        assert [sample.packed for sample in found] == [sample.packed for sample in readings(5)]

    def test_the_prefix_is_the_name_by_default(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading], tmp_path: Path
    ) -> None:
        entry = stored_index.insert_dataset(ds, name="The readings")
        assert Path(entry.wds_url).parent == tmp_path / "store" / "The-readings"
        assert len(list(atdata.Dataset[Reading](entry.data_urls).ordered())) == 5

    def test_add_entry_leaves_the_shards_where_they_are(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        entry = stored_index.add_entry(ds, name="readings", metadata={"a": 1})
        assert entry.data_urls == ds.list_shards()
        assert stored_index.get_entry_by_name("readings") == entry

    def test_relative_paths_and_braces(
        self, index: LocalIndex, make_shards: MakeShards, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = make_shards(readings(5), "braces")
        monkeypatch.chdir(paths[0].parent)
        ds = atdata.Dataset[Reading]("{000000..000002}.tar")
        entry = index.insert_dataset(ds, name="readings")
        monkeypatch.chdir("/")
        assert entry.data_urls == [str(paths[0].parent / "{000000..000002}.tar")]
        assert len(entry.shards or ()) == 3
        assert len(list(atdata.Dataset[Reading](entry.data_urls[0]).ordered())) == 5

    def test_a_file_url_becomes_a_path(self, index: LocalIndex, make_shards: MakeShards) -> None:
        path = make_shards(readings(2), "with space")[0]
        entry = index.insert_dataset(atdata.Dataset[Reading](path.as_uri()), name="readings")
        assert entry.data_urls == [str(path)]
        assert entry.content_cid is not None

    def test_remote_urls_are_indexed_unread(self, index: LocalIndex) -> None:
        ds = atdata.Dataset[Reading]("s3://nowhere/data-{00..99}.tar")
        entry = index.insert_dataset(ds, name="remote")
        assert entry.data_urls == ["s3://nowhere/data-{00..99}.tar"]
        assert entry.shards is None
        assert entry.content_cid is None
        assert index.get_entry(entry.cid) == entry

    def test_shards_without_url_need_a_store(
        self, index: LocalIndex, stored_index: LocalIndex, make_shards: MakeShards
    ) -> None:
        (path,) = make_shards(readings(2))

        class Custom:
            shard_list = ("shard-001.tar",)

            def open_shard(self, shard_id: str) -> IO[bytes]:
                return path.open("rb")

            def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
                yield "shard-001.tar", self.open_shard("shard-001.tar")

        ds = atdata.Dataset[Reading](Custom())
        with pytest.raises(EntryError, match="no URL") as caught:
            index.insert_dataset(ds, name="custom")
        assert "data_store" in str(caught.value.hint)
        assert index.list_datasets() == []
        assert len(stored_index.insert_dataset(ds, name="custom").data_urls) == 1

    def test_what_is_stated_about_it_is_kept_and_updated(
        self, index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        entry = index.insert_dataset(
            ds, name="a", description="Sensors.", tags=["lab"], license="cc-by-4.0"
        )
        assert (entry.description, entry.tags, entry.license) == ("Sensors.", ["lab"], "CC-BY-4.0")
        assert index.get_dataset("a") == entry
        assert "Sensors." in entry._repr_html_()
        again = index.add_entry(ds, name="a", description="All sensors.", metadata={"n": 1})
        assert (again.description, again.tags, again.license) == (
            "All sensors.",
            ["lab"],
            "CC-BY-4.0",
        )
        assert again.metadata == {"n": 1}
        for wrong in ({"tags": "lab"}, {"license": "mine!"}):
            with pytest.raises(RecordError):
                index.insert_dataset(ds, name="b", **wrong)
        assert index.datasets.names() == ["a"]

    def test_the_metadata_of_the_dataset_is_carried_over(
        self, index: LocalIndex, make_shards: MakeShards, tmp_path: Path
    ) -> None:
        import msgpack

        (tmp_path / "meta.msgpack").write_bytes(msgpack.packb({"lab": 302}))
        (path,) = make_shards(readings(2))
        ds = atdata.Dataset[Reading](str(path), str(tmp_path / "meta.msgpack"))
        assert index.insert_dataset(ds, name="a").metadata == {"lab": 302}
        assert index.insert_dataset(ds, name="b", metadata={}).metadata == {}

    def test_samples_of_no_type_need_a_schema(
        self, index: LocalIndex, make_shards: MakeShards
    ) -> None:
        (path,) = make_shards(readings(2))
        ds = atdata.Dataset[atdata.DictSample](str(path))
        with pytest.raises(SchemaError):
            index.insert_dataset(ds, name="untyped")
        ref = index.publish_schema(Reading)
        assert index.insert_dataset(ds, name="untyped", schema_ref=ref).schema_ref == ref


class TestSameName:
    def test_the_same_data_is_no_conflict(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        first = stored_index.insert_dataset(ds, name="readings", prefix="a", metadata={"v": 1})
        again = stored_index.insert_dataset(ds, name="readings", prefix="a")
        assert again == first
        moved = stored_index.insert_dataset(ds, name="readings", prefix="b", metadata={"v": 2})
        assert moved.cid == first.cid
        assert moved.created_at == first.created_at
        assert moved.metadata == {"v": 2}
        assert moved.data_urls != first.data_urls
        assert stored_index.list_datasets() == [moved]
        assert len(stored_index.list_schemas()) == 1

    def test_a_schema_that_is_published_anew_makes_no_other_data(
        self, index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        first = index.insert_dataset(ds, name="readings")
        newer = index.publish_schema(Reading, version="1.0.1")
        assert newer != first.schema_ref
        assert index.insert_dataset(ds, name="readings") == first
        moved = index.insert_dataset(ds, name="readings", schema_ref=newer)
        assert (moved.schema_ref, moved.shards) == (newer, first.shards)
        assert index.get_entry(moved.cid) == moved
        assert index.list_datasets() == [moved]

    def test_the_same_bytes_as_other_samples_are_a_conflict(
        self, index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        @atdata.packable
        class Reading:  # as the module's, but without the array
            sensor: str

        index.insert_dataset(ds, name="readings")
        with pytest.raises(EntryConflict):
            index.insert_dataset(atdata.Dataset[Reading](ds.list_shards()), name="readings")
        untyped = atdata.Dataset[atdata.DictSample](ds.list_shards())
        with pytest.raises(EntryConflict):
            index.insert_dataset(untyped, name="readings", schema_ref="at://did:plc:abc/x.y.z/k")

    def test_other_data_is_a_conflict(
        self, index: LocalIndex, ds: atdata.Dataset[Reading], make_shards: MakeShards
    ) -> None:
        first = index.insert_dataset(ds, name="readings")
        other = atdata.Dataset[Reading](str(make_shards(readings(1, start=7), "other")[0]))
        with pytest.raises(EntryConflict, match="readings") as caught:
            index.insert_dataset(other, name="readings")
        assert "replace=True" in str(caught.value.hint)
        assert index.get_dataset("readings") == first
        replaced = index.insert_dataset(other, name="readings", replace=True)
        assert index.list_datasets() == [replaced]
        assert index.get_entry(replaced.cid) == replaced
        with pytest.raises(EntryNotFound):
            index.get_entry(first.cid)

    def test_a_conflict_leaves_nothing_in_the_store(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading], make_shards: MakeShards
    ) -> None:
        store = stored_index.data_store
        assert isinstance(store, LocalDiskStore)
        stored_index.insert_dataset(ds, name="readings")
        before = set(store.root.rglob("*.tar"))
        other = atdata.Dataset[Reading](str(make_shards(readings(1, start=7), "other")[0]))
        with pytest.raises(EntryConflict, match="readings"):
            stored_index.insert_dataset(other, name="readings")
        assert set(store.root.rglob("*.tar")) == before
        replaced = stored_index.insert_dataset(other, name="readings", replace=True)
        assert stored_index.list_datasets() == [replaced]

    def test_remote_data_is_the_same_by_its_urls(self, index: LocalIndex) -> None:
        index.insert_dataset(atdata.Dataset[Reading]("s3://b/k.tar"), name="remote")
        index.insert_dataset(atdata.Dataset[Reading]("s3://b/k.tar"), name="remote")
        with pytest.raises(EntryConflict):
            index.insert_dataset(atdata.Dataset[Reading]("s3://b/other.tar"), name="remote")

    def test_two_names_on_the_same_data_are_two_entries(
        self, index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        second = index.insert_dataset(ds, name="second")
        first = index.insert_dataset(ds, name="first")
        assert first.cid == second.cid
        assert [entry.name for entry in index.list_entries()] == ["first", "second"]
        assert index.get_entry(first.cid) == first


class TestRefusals:
    @pytest.mark.parametrize("name", ["", "../x", "a/../../b", "a\nb", "/etc/passwd"])
    def test_names(self, index: LocalIndex, ds: atdata.Dataset[Reading], name: str) -> None:
        with pytest.raises(EntryError):
            index.insert_dataset(ds, name=name)
        assert index.list_datasets() == []
        assert index.list_schemas() == []

    @pytest.mark.parametrize("prefix", ["../out", "/abs", "a/../../b", "a\0b", ""])
    def test_prefixes(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading], prefix: str, tmp_path: Path
    ) -> None:
        with pytest.raises(UrlError):
            stored_index.insert_dataset(ds, name="readings", prefix=prefix)
        assert stored_index.list_datasets() == []
        assert not (tmp_path / "store").exists()

    def test_metadata_that_is_not_json(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading], tmp_path: Path
    ) -> None:
        with pytest.raises(EntryError) as caught:
            stored_index.insert_dataset(ds, name="readings", metadata={"a": [object()]})
        assert caught.value.path == "$.a[0]"
        assert not (tmp_path / "store").exists()

    def test_a_damaged_shard(self, index: LocalIndex, ds: atdata.Dataset[Reading]) -> None:
        path = Path(ds.list_shards()[1])
        path.write_bytes(path.read_bytes()[:-600])
        with pytest.raises(ShardError, match=path.name):
            index.insert_dataset(ds, name="readings")
        assert index.list_datasets() == []

    def test_options_without_a_store(self, index: LocalIndex, ds: atdata.Dataset[Reading]) -> None:
        with pytest.raises(TypeError, match="maxcount"):
            index.insert_dataset(ds, name="readings", maxcount=10)

    def test_a_dataset_without_samples(self, stored_index: LocalIndex, tmp_path: Path) -> None:
        (tmp_path / "empty.tar").write_bytes(bytes(1024))
        with pytest.raises(EntryError, match="no samples"):
            stored_index.insert_dataset(
                atdata.Dataset[Reading](str(tmp_path / "empty.tar")), name="empty"
            )

    def test_a_schema_that_is_missing(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading], tmp_path: Path
    ) -> None:
        with pytest.raises(SchemaNotFound):
            stored_index.insert_dataset(
                ds, name="readings", schema_ref="local://schemas/Other@1.0.0"
            )
        assert not (tmp_path / "store").exists()

    def test_a_schema_of_other_samples(
        self, index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        ref = index.publish_schema(Other)
        with pytest.raises(SchemaConflict, match="number"):
            index.insert_dataset(ds, name="readings", schema_ref=ref)


class TestLookup:
    def test_by_uri(self, index: LocalIndex, ds: atdata.Dataset[Reading]) -> None:
        entry = index.insert_dataset(ds, name="größe b")
        assert entry.uri == "atdata://local/dataset/gr%C3%B6%C3%9Fe%20b"
        assert index.get_dataset(entry.uri) == entry

    def test_a_missing_name_is_a_key_error_with_the_closest_names(
        self, index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        index.insert_dataset(ds, name="mnist-train")
        with pytest.raises(KeyError) as caught:
            index.get_dataset("mnist-trian")
        assert isinstance(caught.value, EntryNotFound)
        assert "'mnist-train'" in str(caught.value.hint)
        with pytest.raises(EntryNotFound, match="Insert it first"):
            index.get_dataset("zzz")

    def test_an_empty_index(self, index: LocalIndex) -> None:
        assert index.list_datasets() == index.list_entries() == index.list_schemas() == []
        assert list(index.datasets) == list(index.entries) == list(index.schemas) == []

    def test_listing_goes_over_pages_in_order(self, index: LocalIndex) -> None:
        names = [f"{number:04d}" for number in range(450)]
        ref = index.publish_schema(Reading)
        for name in reversed(names):
            ds = atdata.Dataset[Reading](f"s3://bucket/{name}.tar")
            index.insert_dataset(ds, name=name, schema_ref=ref)
        assert [entry.name for entry in index.datasets] == names
        assert next(iter(index.datasets)).name == "0000"


class TestSchemas:
    def test_versions_follow_each_other(self, index: LocalIndex) -> None:
        refs = [index.publish_schema(Reading, description=str(n)) for n in range(3)]
        assert [ref.rpartition("@")[2] for ref in refs] == ["1.0.0", "1.0.1", "1.0.2"]
        assert index.publish_schema(Reading, version="2.0.0").endswith("Reading@2.0.0")
        assert index.publish_schema(Reading, tags=["new"]).endswith("Reading@2.0.1")
        assert [schema.version for schema in index.schemas] == [
            "1.0.0", "1.0.1", "1.0.2", "2.0.0", "2.0.1",
        ]  # fmt: skip

    def test_an_unchanged_class_stays_at_its_version(self, index: LocalIndex) -> None:
        ref = index.publish_schema(Reading, description="first", license="mit")
        for fields in ({}, {"description": "first"}, {"license": "MIT", "tags": None}):
            assert index.publish_schema(Reading, **fields) == ref
        assert len(index.schemas) == 1
        assert index.publish_schema(Reading, description="second").endswith("@1.0.1")
        assert index.publish_schema(Reading).endswith("@1.0.1")

    def test_a_reference_that_is_not_published_yet_is_published(
        self, stored_index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        ref = "local://schemas/some.module.Reading@3.1.4"
        entry = stored_index.insert_dataset(ds, name="a", schema_ref=ref)
        assert entry.schema_ref == "atdata://local/sampleSchema/Reading@3.1.4"
        assert stored_index.get_schema(ref).cid == entry.schema_cid
        assert stored_index.add_entry(ds, name="b", schema_ref=ref).schema_cid == entry.schema_cid
        assert len(stored_index.schemas) == 1
        for wrong, error in (
            ("local://schemas/Nothing@1.0.0", SchemaNotFound),
            ("local://schemas/Reading@newest", SchemaError),
        ):
            with pytest.raises(error):
                stored_index.insert_dataset(ds, name="c", schema_ref=wrong)
        assert stored_index.datasets.names() == ["a", "b"]

    def test_publishing_the_same_again_is_no_conflict(self, index: LocalIndex) -> None:
        ref = index.publish_schema(Reading, version="1.2.3", description="first")
        assert index.publish_schema(Reading, version="1.2.3", description="second") == ref
        assert index.get_schema(ref)["description"] == "first"
        assert len(index.list_schemas()) == 1

    def test_a_version_never_changes(self, index: LocalIndex) -> None:
        @atdata.packable
        class Other:
            number: float

        ref = index.publish_schema(globals()["Other"], version="1.0.0")
        with pytest.raises(SchemaConflict, match="never changes") as caught:
            index.publish_schema(Other, version="1.0.0")
        changes = [line.strip(' ",') for line in str(caught.value).splitlines()]
        assert '-   "type": "integer' in changes
        assert '+   "type": "number' in changes
        assert index.decode_schema(ref)(number=1).packed == globals()["Other"](number=1).packed

    def test_insertion_takes_the_latest_version_with_the_same_document(
        self, index: LocalIndex, ds: atdata.Dataset[Reading]
    ) -> None:
        index.publish_schema(Reading, version="1.0.0")
        index.publish_schema(Reading, version="1.10.0")
        index.publish_schema(Reading, version="1.9.0")
        assert index.insert_dataset(ds, name="a").schema_ref.endswith("@1.10.0")
        assert len(index.list_schemas()) == 3

    def test_insertion_publishes_a_breaking_change_as_a_major_version(
        self, index: LocalIndex, make_shards: MakeShards
    ) -> None:
        @atdata.packable
        class Other:
            number: float

        index.publish_schema(globals()["Other"])
        ds = atdata.Dataset[Other](str(make_shards([Other(number=0.5)])[0]))
        assert index.insert_dataset(ds, name="a").schema_ref.endswith("Other@2.0.0")

    def test_the_version_follows_from_the_change(self, index: LocalIndex) -> None:
        def publish(*fields: Any, doc: str = "One.") -> str:
            made = dataclasses.make_dataclass("Thing", fields, namespace={"__doc__": doc})
            return index.publish_schema(atdata.packable(made)).rpartition("@")[2]

        note = ("note", str | None, dataclasses.field(default=None))
        assert publish(("a", int), ("b", int)) == "1.0.0"
        assert publish(("a", int), ("b", int), doc="Two.") == "1.0.1"
        assert publish(("a", int), ("b", int), note) == "1.1.0"
        assert publish(("a", int), ("b", str), note) == "2.0.0"

    def test_an_unrelated_class_of_the_same_name_is_a_conflict(
        self, stored_index: LocalIndex, make_shards: MakeShards, tmp_path: Path
    ) -> None:
        @atdata.packable
        class Other:
            text: str

        stored_index.publish_schema(globals()["Other"])
        shards = make_shards([Other("a")])
        ds = atdata.Dataset[Other](str(shards[0]))
        for publish in (
            lambda: stored_index.publish_schema(Other),
            lambda: stored_index.insert_dataset(ds, name="a"),
        ):
            with pytest.raises(SchemaConflict, match="other fields") as caught:
                publish()
            assert 'version="2.0.0"' in (caught.value.hint or "")
        assert not (tmp_path / "store").exists()
        ref = stored_index.publish_schema(Other, version="2.0.0")
        assert stored_index.insert_dataset(ds, name="a", schema_ref=ref).schema_ref == ref

    def test_a_schema_is_a_read_only_mapping(self, index: LocalIndex) -> None:
        ref = index.publish_schema(Reading, description="d", tags=["t"], license="MIT")
        schema = index.get_schema(ref)
        assert (schema["name"], schema["version"]) == ("Reading", "1.0.0")
        assert (schema.name, schema.version, schema.ref) == ("Reading", "1.0.0", ref)
        assert (schema["description"], schema["tags"], schema["license"]) == ("d", ["t"], "MIT")
        assert "schema" in schema
        assert len(dict(schema)) == len(schema)
        with pytest.raises(TypeError):
            schema["name"] = "other"  # type: ignore[index]

    def test_the_older_form_of_a_reference_is_read(self, index: LocalIndex) -> None:
        ref = index.publish_schema(Reading)
        for older in ("local://schemas/Reading@1.0.0", "local://schemas/module.Reading@1.0.0"):
            assert index.get_schema(older).ref == ref

    @pytest.mark.parametrize(
        "ref",
        ["atdata://local/sampleSchema/Reading@9.9.9", "atdata://local/sampleSchema/None@1.0.0",
         "atdata://local/sampleSchema/Reading", "at://did:plc:abc/x.y.z/rkey", "Reading", "",
         "atdata://local/sampleSchema/../@1"],
    )  # fmt: skip
    def test_a_missing_schema_is_a_key_error_with_a_hint(self, index: LocalIndex, ref: str) -> None:
        index.publish_schema(Reading)
        for find in (index.get_schema, index.decode_schema, index.load_schema):
            with pytest.raises(KeyError) as caught:
                find(ref)
            assert isinstance(caught.value, SchemaNotFound)
            assert caught.value.hint

    @pytest.mark.parametrize("version", ["1.0", "latest", "1.0.0/..", "1.0.0 "])
    def test_versions_that_are_none(self, index: LocalIndex, version: str) -> None:
        with pytest.raises(SchemaError):
            index.publish_schema(Reading, version=version)
        assert index.list_schemas() == []

    def test_a_decoded_class_is_equal_in_behaviour(self, index: LocalIndex) -> None:
        decoded = index.decode_schema(index.publish_schema(Reading))
        (sample,) = readings(1)
        assert decoded.from_bytes(sample.packed).packed == sample.packed
        assert decoded(values=sample.values, sensor="s").note is None
        assert index.publish_schema(decoded, version="1.0.0") == index.list_schemas()[0].ref
        ref = index.list_schemas()[0].ref
        assert index.decode_schema_as(ref, Reading) is decoded
        assert index.decode_schema_as(ref, type_hint=Reading) is decoded

    def test_loaded_types(self, index: LocalIndex) -> None:
        loaded = index.load_schema(index.publish_schema(Reading))
        assert index.types.Reading is loaded
        assert "Other" not in index.types


class TestStubs:
    def test_a_decoded_schema_leaves_a_stub(self, place: str, tmp_path: Path) -> None:
        with open_index(place, auto_stubs=True, stub_dir=tmp_path / "stubs") as index:
            ref = index.publish_schema(Reading)
            index.decode_schema(ref)
            assert index.get_import_path(ref) == "local.Reading_1_0_0"
            assert index.stub_dir == tmp_path / "stubs"
            stub = tmp_path / "stubs" / "local" / "Reading_1_0_0.pyi"
            assert "class Reading(PackableSample):" in stub.read_text()
            assert index.clear_stubs() == 1

    def test_there_are_none_unless_they_are_asked_for(self, index: LocalIndex) -> None:
        ref = index.publish_schema(Reading)
        index.decode_schema(ref)
        assert index.get_import_path(ref) is None
        assert index.stub_dir is None
        assert index.clear_stubs() == 0


def test_it_is_an_index(index: LocalIndex) -> None:
    assert isinstance(index, AbstractIndex)
    assert Index is LocalIndex
