"""The command line: one file a verb; `main` has the group and the one error handler."""

if __name__ != "kerasnn.cli":
    raise ImportError("this is kerasnn.cli: install kerasnn, then `import kerasnn.cli`")
