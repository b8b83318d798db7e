#!/bin/bash
# Ten million random requests and packets, a quarter of them on each of four cards (test_churn.c says what must hold).
set -eu
CHURN_OPERATIONS=10000000 "$BUILD/tests/unit/test_churn"
