"""Pages, previews and queries over HTTP."""
