"""A run laid beside the published pipeline, as data: no numbers are computed here, and no files are opened."""
