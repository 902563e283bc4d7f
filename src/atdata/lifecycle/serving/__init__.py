"""The serving store: releases that readers trust."""
