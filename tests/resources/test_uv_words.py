"""What uv says becomes one sentence: the line that a person would look for in its output."""

import pytest

from rhresources.uv_words import advice, telling_sentence

NO_COMPILER_HEADER = """\
   Building cext @ file:///srv/trees/cext-6284cd43/3015
error: Failed to build `cext @ file:///srv/trees/cext-6284cd43/3015`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)

         [stdout]
         running bdist_wheel
         gcc -Wall -c x.c -o x.o

         [stderr]
         x.c:1:10: fatal error: nothere.h: No such file or directory
             1 | #include <nothere.h>
         compilation terminated.
         error: Command '['gcc', '-Wall']' returned non-zero exit status 1.

hint: This error likely indicates that you need to install a library that provides `nothere.h` for `cext @ file:///srv`
"""
FAILED_SETUP = """\
error: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.get_requires_for_build_wheel` failed (exit status: 1)

         [stderr]
         Traceback (most recent call last):
           File "<string>", line 3, in <module>
         ModuleNotFoundError: No module named 'numpy'
"""
FAILED_DOWNLOADED = """\
error: Failed to download and build `petsc4py==3.26.1`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta.build_wheel` failed (exit status: 1)

         [stderr]
         Traceback (most recent call last):
           File "<string>", line 172, in config
         RuntimeError: 256
"""
OLD_DRAWING = """\
  × Failed to build `x @ file:///x`
  ├─▶ The build backend returned an error
  ╰─▶ Call to `setuptools.build_meta` failed (exit status: 1)
      [stderr]
"""
NO_REPOSITORY = """\
   Updating file:///srv/nothere (HEAD)
error: Git operation failed
  cause: failed to clone into: /srv/cache/git-v2/db/8845
  cause: process didn't exit successfully: `/usr/bin/git fetch` (exit status: 128)
         --- stderr
         fatal: '/srv/nothere' does not appear to be a git repository
         fatal: Could not read from remote repository.
"""
CONFLICT = """\
error: No solution found when resolving dependencies
  cause: Because alpha==1.0 depends on beta<2 and you require alpha, we can conclude that you require beta<2.
         And because you require beta>=2, we can conclude that your requirements are unsatisfiable.
"""
NO_VERSION = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of idna==99 and you require idna==99, we can conclude that your requirements are \
unsatisfiable.
"""
NO_ANSWER = """\
error: Failed to download `x @ https://host.example/x-1.0-py3-none-any.whl`
  cause: Request failed after 3 retries in 8.9s
  cause: Connection refused (os error 111)
"""


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (NO_COMPILER_HEADER, "cext cannot be built: x.c:1:10: fatal error: nothere.h: No such file or directory"),
        (FAILED_SETUP, "The build backend returned an error: ModuleNotFoundError: No module named 'numpy'"),
        (FAILED_DOWNLOADED, "petsc4py==3.26.1 cannot be built: RuntimeError: 256"),
        (OLD_DRAWING, "Failed to build x: Call to `setuptools.build_meta` failed (exit status: 1)"),
        (NO_REPOSITORY, "Git operation failed: '/srv/nothere' does not appear to be a git repository"),
        (
            CONFLICT,
            "alpha==1.0 depends on beta<2 and you require alpha, so you require beta<2, but you require beta>=2",
        ),
        (NO_VERSION, "there is no version of idna==99"),
        (
            NO_ANSWER,
            "Failed to download `x @ https://host.example/x-1.0-py3-none-any.whl`: Connection refused (os error 111)",
        ),
        ("anything\nos error 28: No space left on device", "the disk of the cluster is full"),
        ("all went well", ""),
    ],
)
def test_the_line_that_tells_most(output: str, sentence: str) -> None:
    assert telling_sentence(output.splitlines()) == sentence


def test_advice_names_no_folder_of_the_server() -> None:
    assert advice(NO_COMPILER_HEADER.splitlines()) == (
        "This error likely indicates that you need to install a library that provides `nothere.h`."
    )
    assert advice(CONFLICT.splitlines()) == ""
