"""Pages of try-outs, and what is posted from them."""
