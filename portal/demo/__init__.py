"""The demo: `portal demo` with its example data, start page and mail catcher."""
