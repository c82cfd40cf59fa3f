"""What turns a folder of pictures into another: finding, naming, remembering, and the pipeline."""
