#!/bin/sh
# compile_hello.sh SOURCE OBJECT: compile one source file.
set -eu
cc -O2 -c "$1" -o "$2"
