# The front door. `make run` and `make test` are all a newcomer needs; `make help` lists the rest.

JOBS ?= $(shell nproc)
# Many tests wait for something most of their time.
TEST_JOBS ?= $(shell expr $(JOBS) + 1)
PRESETS ?= dev asan tsan
FUZZ_SECONDS ?= 30
NIGHTLY_FUZZ_SECONDS ?= 900
NIGHTLY_KILLS ?= 500
NIGHTLY_POWER_CUTS ?= 100
NIGHTLY_CLUSTER_CYCLES ?= 50
NIGHTLY_CLUSTER_ROUNDS ?= 10
SIM_SEEDS ?= 20000
DATA ?= ./data

.PHONY: help build run cluster test lint format bench fuzz nightly clean

help:
	@echo 'make build    install what is missing, build build/release/nunc'
	@echo 'make run      build, then start the server with its data in $(DATA)'
	@echo 'make cluster  build, then start three nodes on loopback, with their data in $(DATA)/cluster'
	@echo 'make test     install what is missing, build and run every test ($(PRESETS))'
	@echo 'make lint     formatter, clang-tidy, layers, sizes and banned words'
	@echo 'make format   let the formatter write its changes'
	@echo 'make bench    compare with Redis, one table'
	@echo 'make fuzz     every fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS)'
	@echo 'make nightly  the long suites'
	@echo 'make clean    remove build/'

build:
	tools/deps.sh build
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target nunc

run: build
	exec build/release/nunc start --data $(DATA)

cluster: build
	exec tools/cluster.sh build/release/nunc $(DATA)/cluster

# What is shipped first: only there each source compiles alone, and optimised.
test: build
	tools/deps.sh test
	set -e; for preset in $(PRESETS); do \
	  cmake --preset $$preset; \
	  cmake --build --preset $$preset --parallel $(JOBS); \
	  ctest --preset $$preset --parallel $(TEST_JOBS); \
	done

lint:
	tools/deps.sh test
	cmake --preset lint
	JOBS=$(JOBS) tools/lint.sh build/lint

format:
	tools/lint.sh --format

bench:
	tools/deps.sh bench
	cmake --preset release -DNUNC_BENCH=ON
	cmake --build --preset release --parallel $(JOBS)
	NUNC_BINARY=$(CURDIR)/build/release/nunc bench/run

fuzz:
	tools/deps.sh test
	cmake --preset fuzz
	cmake --build --preset fuzz --parallel $(JOBS)
	JOBS=$(JOBS) tools/fuzz.sh build/fuzz $(FUZZ_SECONDS)

nightly: test
	set -e; for preset in asan tsan; do \
	  cmake --preset $$preset -DNUNC_EVERY_SUITE=ON; \
	  ctest --preset $$preset --label-regex e2e; \
	done
	$(MAKE) fuzz FUZZ_SECONDS=$(NIGHTLY_FUZZ_SECONDS)
	ctest --preset dev --label-regex e2e --repeat until-fail:10
	cd tests/e2e && NUNC_BINARY=$(CURDIR)/build/dev/nunc NUNC_KILL_CYCLES=$(NIGHTLY_KILLS) \
	  NUNC_POWER_CUTS=$(NIGHTLY_POWER_CUTS) node --test kill.test.mjs power_cut.test.mjs
	cd tests/e2e && NUNC_BINARY=$(CURDIR)/build/dev/nunc NUNC_RESUME_CLIENTS=500 \
	  NUNC_RESUME_CUTS=200 NUNC_RESUME_WRITES=5000 node --test resume.test.mjs
	cd tests/e2e && NUNC_BINARY=$(CURDIR)/build/dev/nunc \
	  NUNC_CLUSTER_CYCLES=$(NIGHTLY_CLUSTER_CYCLES) node --test cluster_kills.test.mjs
	cd tests/e2e && NUNC_BINARY=$(CURDIR)/build/dev/nunc \
	  NUNC_CLUSTER_ROUNDS=$(NIGHTLY_CLUSTER_ROUNDS) node --test cluster_faults.test.mjs
	set -e; for nodes in 3 5; do \
	  (cd tests/e2e && NUNC_BINARY=$(CURDIR)/build/dev/nunc NUNC_CLUSTER_NODES=$$nodes \
	    NUNC_CLUSTER_ROUNDS=$(NIGHTLY_CLUSTER_ROUNDS) node --test cluster_net.test.mjs); \
	done
	ctest --preset dev --label-regex planted
	NUNC_WATCH_SEEDS=$(SIM_SEEDS) build/dev/src/sim/sim_test --gtest_filter='Watches.*'
	NUNC_FLEET_SEEDS=$(SIM_SEEDS) build/dev/src/sim/sim_test --gtest_filter='Fleet.*'
	tools/deps.sh build
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target nunc
	python3 tests/sim/seeds.py build/release/nunc tests/sim/seeds.txt $(SIM_SEEDS) 10 1000000
	set -e; for nodes in 2 3 4 5 7; do \
	  python3 tests/sim/seeds.py build/release/nunc tests/sim/seeds.txt $(SIM_SEEDS) 10 1000000 \
	    $$nodes; \
	done

clean:
	rm -rf build
