"""Our answers beside those of the reference, case by case, on files that anybody may bring."""
