# `make run` and `make test` are all that a newcomer needs; both install what is missing first.

.PHONY: help run test check bench proto lock wheel deb clean

help:
	@echo "make run     install what is missing and open the window (without a display: the tour)"
	@echo "make test    install what is missing and run the tests"
	@echo "make check   lint and types only"
	@echo "make bench   measure against the peers; rows as JSON go to \$$BENCH_JSON when it is set"
	@echo "make proto   generate the wire code from cluster.proto"
	@echo "make lock    choose the versions in packaging/requirements.lock anew"
	@echo "make wheel   build dist/rhdesk-*.whl"
	@echo "make deb     build dist/rhdesk_*.deb (as root)"
	@echo "make clean   remove everything that these made, .venv included"

run:
	@bash packaging/setup.sh run
	@bash packaging/run.sh

test:
	@bash packaging/setup.sh test
	@bash packaging/test.sh

check:
	@bash packaging/setup.sh run
	@bash packaging/test.sh --static

bench:
	@bash packaging/setup.sh test
	@bash packaging/python.sh tests/bench/run.py

proto:
	@bash packaging/setup.sh run
	@bash packaging/proto.sh

lock:
	@bash packaging/lock.sh

wheel:
	@bash packaging/setup.sh run
	@bash packaging/wheel.sh

deb:
	@bash packaging/setup.sh run
	@bash packaging/deb.sh

clean:
	rm -rf .venv build dist tour bench.json .pytest_cache .mypy_cache .ruff_cache
