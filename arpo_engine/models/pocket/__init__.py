"""The pocket policy: a Qwen2.5-VL of about a million weights that reads a small desktop. Built, taught and shipped
here; what it is taught comes in as plain data, so nothing here knows a desktop."""
