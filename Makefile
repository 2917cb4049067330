# leat: one line a verb; what a verb does, when that is longer than a line, is in tools/<verb>.sh.
# CC=clang, BUILD=folder and MESON_ARGS=... are passed on.

SHELL := /bin/bash
export BUILD ?= build
.DEFAULT_GOAL := help
.PHONY: help setup build serve test check sim fuzz bench interop soak img qemu docs install clean

help: ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18
setup: ## install the Debian packages that leat needs, those that are missing
	@tools/setup.sh build test fuzz
build: ## build/leat, build/libleat.so, build/libleat.a
	@tools/build.sh results
serve: build ## serve a web site through leat's own TCP [DIR=folder ARGS='--port 8080']
	@exec $(BUILD)/leat serve $(DIR) $(ARGS)
test: ## all tests, under three minutes
	@tools/test.sh
check: ## the tests, then all of them again under ASan and UBSan
	@tools/check.sh
sim: ## simulated networks with faults [SEEDS=n | SEED=x] [FLOOD=1: under a SYN flood]
	@tools/sim.sh
fuzz: ## every fuzzer for a while, one minute in all [SECONDS_EACH=n FUZZERS=name]
	@tools/fuzz.sh
bench: ## cycles and instructions of a request between two stacks [ARGS='CASE ...']
	@tools/bench.sh $(ARGS)
interop: ## every kind of link against the kernel, minutes [WORDS='tap ...']
	@tools/interop.sh
soak: ## (comes later) hours of load with faults
	@tools/later.sh soak
img: ## (comes later) a bootable image of leat without an operating system
	@tools/later.sh img
qemu: ## (comes later) boot that image
	@tools/later.sh qemu
docs: ## check the documents, render them to build/docs
	@tools/docs.sh
install: build ## install the program, the libraries and the headers [DESTDIR=]
	@meson install -C $(BUILD) --no-rebuild
clean: ## remove what was built
	rm -rf build build-*/
