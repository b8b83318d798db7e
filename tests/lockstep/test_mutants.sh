#!/usr/bin/env bash
# A few of the mutants of soak_mutants.sh, each found by the lockstep.
cd "$(dirname "$0")" || exit 1
QUICK=1 exec bash soak_mutants.sh
