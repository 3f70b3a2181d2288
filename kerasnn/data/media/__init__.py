"""Images and sounds as cells of a table: decoding, sizes, duplicates."""
