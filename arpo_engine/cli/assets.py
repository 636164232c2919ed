"""`python -m arpo_engine assets`: the files that tasks fetch, brought here, checked and listed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict

from arpo_engine.contract.errors import AssetMissing, TaskError
from arpo_engine.contract.tasks import Task
from arpo_engine.tasks import load_split
from arpo_engine.tasks.osworld.assets import AssetCache
from arpo_engine.tasks.osworld.task_files import files_of, is_local
from arpo_engine.tasks.places import asset_folder, is_offline

MB = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with the files of which tasks."""
    parser.add_argument("what", choices=("fetch", "verify", "list"), help="fetch what is missing, read all again, list")
    parser.add_argument("--tasks", metavar="FOLDER", help="fetch, list: the files of a task set's split only")
    parser.add_argument("--split", default="test_all", help="the split of --tasks (default: test_all)")
    parser.add_argument("--json", action="store_true", help="list: for programs")


def main(arguments: argparse.Namespace) -> int:
    """Do it; 1 where a file is missing or has changed."""
    cache = AssetCache(asset_folder(), offline=is_offline())
    if arguments.what == "verify":
        return _verify(cache)
    urls = _addresses(load_split(arguments.tasks, arguments.split)) if arguments.tasks else None
    if arguments.what == "list":
        return _list(cache, urls, as_json=arguments.json)
    if urls is None:
        raise TaskError("assets fetch needs --tasks FOLDER [--split SPLIT]: the task set whose files are wanted")
    return _fetch(cache, urls)


def _fetch(cache: AssetCache, urls: list[str]) -> int:
    """Fetch all that is missing; one that cannot be had keeps none of the others from coming."""
    there = sum(cache.find(url) is not None for url in urls)
    failed: list[str] = []
    for number, url in enumerate(urls, start=1):
        try:
            cache.get(url)
        except AssetMissing as error:
            failed.append(str(error))
            print(f"[{number}/{len(urls)}] missing: {error}")
    print(f"{len(urls)} files: {there} were here, {len(urls) - there - len(failed)} fetched, {len(failed)} missing")
    return 1 if failed else 0


def _verify(cache: AssetCache) -> int:
    count, faults = sum(1 for _ in cache.assets()), list(cache.verify())
    for fault in faults:
        print(f"{fault.url}: {fault.why}")
    print(f"{count} files in {cache.folder}: {count - len(faults)} as they came, {len(faults)} not")
    return 1 if faults else 0


def _list(cache: AssetCache, urls: list[str] | None, *, as_json: bool) -> int:
    """What is known; for a task set also what is missing."""
    known = {asset.url: asset for asset in cache.assets()}
    missing = [url for url in urls or () if cache.find(url) is None]
    shown = [asset for url, asset in known.items() if urls is None or url in urls]
    if as_json:
        print(json.dumps({"assets": [asdict(asset) for asset in shown], "missing": missing}))
        return 1 if missing else 0
    for asset in shown:
        print(f"{asset.sha256[:12]}  {asset.size / MB:9.3f} MB  {asset.fetched_at}  {asset.origin:<13}  {asset.url}")
    for url in missing:
        print(f"missing: {url}")
    size_mb = sum(asset.size for asset in shown) / MB
    print(f"{len(shown)} files, {size_mb:,.1f} MB in {cache.folder}; {len(missing)} missing")
    return 1 if missing else 0


def _addresses(tasks: Iterable[Task]) -> list[str]:
    return list(dict.fromkeys(file.url for task in tasks for file in files_of(task) if not is_local(file.url)))
