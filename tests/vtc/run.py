#!/usr/bin/python3
"""Runs each .vtc scenario on haproxy first and on lb after; one TAP line per file and program.

    run.py --lb BUILD/lb/lb [--haproxy PROGRAM] [-j N] [FILE ...]

A scenario that fails on haproxy says nothing about lb: the file is wrong. Files in stricter/ hold
what lb refuses and haproxy lets pass; they run on lb alone. Files in pending/ pass on haproxy only,
so far; they run when they are named.
"""
import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent


def title_of(path):
    return path.read_text().split('"', 2)[1]


def run(program, path):
    env = dict(os.environ, HAPROXY_PROGRAM=program)
    with tempfile.TemporaryDirectory(prefix="vtc.") as tmp:
        env["TMPDIR"] = tmp
        done = subprocess.run(["varnishtest", "-t", "60", str(path)], env=env, cwd=tmp, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    return done.returncode == 0, done.stdout


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--lb", required=True)
    args.add_argument("--haproxy", default=shutil.which("haproxy") or "/usr/sbin/haproxy")
    args.add_argument("-j", type=int, default=4)
    args.add_argument("files", nargs="*", type=pathlib.Path)
    opt = args.parse_args()
    lb = str(pathlib.Path(opt.lb).resolve())
    files = opt.files or sorted(HERE.glob("*.vtc")) + sorted(HERE.glob("stricter/*.vtc"))
    jobs = [(name, program, path) for path in files
            for name, program in (("haproxy", opt.haproxy), ("lb", lb))
            if not (name == "haproxy" and path.parent.name == "stricter")]

    print(f"1..{len(jobs)}", flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(opt.j) as pool:
        results = pool.map(lambda job: run(job[1], job[2].resolve()), jobs)
        for n, ((name, _, path), (ok, log)) in enumerate(zip(jobs, results), 1):
            print(f"{'ok' if ok else 'not ok'} {n} - {path.stem} on {name}: {title_of(path)}",
                  flush=True)
            if not ok:
                failed += 1
                print("".join(f"# {line}\n" for line in log.splitlines()[-60:]), flush=True)
    print(f"# {len(files)} files, {len(jobs)} runs, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
