#!/bin/sh
# exec_world.sh PROGRAM: run the program; what it says is the stage that this tributary promises.
set -eu
"./$1"
