#!/bin/sh
# exec_hello.sh PROGRAM: run the program; what it says is the stage that this tributary promises.
set -eu
"./$1"
