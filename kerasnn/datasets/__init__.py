"""From files or data frames to a table whose rows are split into training, validation and test rows."""
