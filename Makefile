.PHONY: help guard demo demo-service demo-website picture test test-moto e2e aws-smoke faults race cover mutation defects sbom lint fuzz generate catalogue corpus lambda template types bench build-MacroFunction cross release-snapshot release release-check

STORE    = file:examples/environments.json
PBM      = go run ./cmd/pbm
SERVICE  = transform examples/service-plain.yaml --parameter Stage=prod --store $(STORE) --diff
WEBSITE  = transform examples/website-cdk.json --store $(STORE) --diff
FUZZTIME = 10s
FUZZ     = transform/FuzzRespond transform/FuzzFragment transform/FuzzTemplate transform/FuzzYAML transform/FuzzCursor \
	boundary/FuzzParse boundary/FuzzCheckEnvironment deploy/FuzzProject deploy/FuzzTarget deploy/FuzzAmplify paramstore/FuzzFile \
	policy/FuzzParse policy/FuzzPatterns
VENV     = .venv
TOOLS    = $(VENV)/.installed

# The targets with a comment after ## are for people; the others are their steps.
help: ## List these targets
	@echo 'usage: make TARGET; demo and test need only Go'
	@echo
	@awk -F ':[^#]*## ' '/^[a-z0-9-]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: demo-service demo-website ## Bind the roles of two example templates and show the diffs

demo-service:
	@echo '$$ pbm $(SERVICE)'
	@$(PBM) $(SERVICE)

demo-website:
	@echo '$$ pbm $(WEBSITE)'
	@$(PBM) $(WEBSITE)

# The font is named, not embedded: it would be most of the file.
PICTURE = docs/demo.svg
picture: ## Render the output of the demo to docs/demo.svg
	go run github.com/charmbracelet/freeze@v0.2.2 --execute '$(MAKE) -s --no-print-directory demo-service' --output $(PICTURE) \
		--wrap 102 --border.radius 8 --font.family 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace'

# .ci/run has the rest: go vet is in lint, and long tests are in faults.
test: ## Run the tests (a minute or two)
	go test -vet=off ./...

# The scripts, the rules of stores, and an audit of several accounts, against
# moto's SSM, STS, IAM and CloudFormation. One at a time: moto has one set of
# everything.
test-moto: $(TOOLS) ## Run the tests of pbm against moto (Python 3)
	e2e/with-moto $(VENV)/bin/moto_server go test ./deploy ./paramstore -run 'TestScripts|TestStores|Moto$$' -count 1 -parallel 1 -p 1 -timeout 30m

# SAM CLI, the AWS CLI, the CDK and the Serverless Framework, with the macro's
# function in AWS's runtime emulator, and moto in place of AWS.
e2e: $(TOOLS) e2e/node_modules ## Run the end-to-end tests with real tools (Linux, Docker, Node, Python 3, root)
	e2e/with-docker e2e/with-image e2e/with-moto $(VENV)/bin/moto_server e2e/run

# make aws-smoke ACCOUNT=111122223333 REGION=eu-west-1 STACK=pbm-smoke
aws-smoke: ## Install, use and remove the macro in a real account
	e2e/aws-smoke

# AWS's tools and moto, at the versions of e2e/requirements.txt, which pins their
# dependencies too: pip-compile --generate-hashes --allow-unsafe
# --no-strip-extras --no-annotate --no-header.
$(TOOLS): e2e/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r e2e/requirements.txt
	touch $@

e2e/node_modules: e2e/package-lock.json
	cd e2e && npm ci --ignore-scripts --silent --no-audit --no-fund
	touch $@

# What make test shortens or skips, in full: faults, hostile templates, every
# setting of pbm check. Writes the tables of docs/evidence/reliability.md.
faults: ## Run the long tests: faults, hostile templates
	FAULTS=1 go test ./cmd/macro -run 'Fault|Runtime|Refusals|Hostile|Secrets' -count 1 -update
	FAULTS=1 go test ./transform ./deploy ./paramstore -run 'Hostile|CheckAgrees|FileKill' -count 1

race: ## Run the tests with the race detector
	go test -race -timeout 30m ./...

# The least percentage of statements that the engine's own tests must reach.
COVERED = 95
cover: ## Check how much of the engine its own tests reach
	mkdir -p .build
	go test ./transform ./boundary -coverpkg=./transform,./transform/rules,./transform/template,./boundary -coverprofile=.build/cover.out
	go tool cover -func .build/cover.out | awk '$$NF != "100.0%" {print} END {exit $$NF + 0 < $(COVERED)}'

# make mutation DEFECTS=StackSet plants those whose description matches.
DEFECTS =
mutation: ## Plant defects one by one and check that the tests catch each
	go run ./mutation -run '$(DEFECTS)'
defects: ## Check that each planted defect still applies to the code
	go run ./mutation -n

lint: ## Check formatting and run the linters
	@unformatted=$$(go run mvdan.cc/gofumpt@v0.12.0 -l .); echo "$$unformatted"; test -z "$$unformatted"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go mod tidy -diff
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 .github/workflows/*.yml

# go vet compiles the tests, too.
cross: ## Check that the programs and their tests compile on each platform
	set -e; for os in windows darwin; do GOOS=$$os go vet ./...; done
	set -e; for os in linux darwin windows; do for arch in amd64 arm64; do \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -o /dev/null ./cmd/pbm; \
	done; done

# Each target for FUZZTIME: make fuzz FUZZTIME=30m
fuzz: ## Run each fuzz target
	set -e; for target in $(FUZZ); do .ci/fuzz ./$${target%/*} $${target#*/} $(FUZZTIME); done

# Nested loops, boundaries in every form, and white space anywhere; policies of
# roles and boundaries: make generate GENERATED=100000 SEED=7
GENERATED = 20000
SEED      = 1
GENERATE  = TestGeneratedLoops|TestBoundaryValues|TestRendered|TestVerdictsAreProofs
generate: ## Check the engine on random templates and policies
	GENERATED=$(GENERATED) SEED=$(SEED) go test ./transform ./policy -run '^($(GENERATE))$$' -count 1 -timeout 0 -v

# Lists of the components of both programs (CycloneDX); fails where
# docs/evidence/licenses.md is out of date.
VERSION = $(shell cat internal/release/VERSION)
sbom: ## List the components of the programs and check their licenses
	mkdir -p .build/sbom
	set -e; for program in macro pbm; do \
		go build -trimpath -buildvcs=false -tags lambda.norpc -o .build/sbom/$$program ./cmd/$$program; \
		.ci/sbom .build/sbom/$$program .build/sbom/$$program.cdx.json $(VERSION); \
	done
	GOBIN=$(CURDIR)/.build/bin go install github.com/google/go-licenses@v1.6.0
	set -e; for os in darwin linux windows; do \
		GOOS=$$os .build/bin/go-licenses report --ignore permissions-boundary-macro --template docs/evidence/licenses.tpl \
			./cmd/macro ./cmd/pbm > .build/sbom/licenses-$$os.md; \
	done
	grep -v '^| `' .build/sbom/licenses-linux.md > .build/sbom/licenses.md
	cat .build/sbom/licenses-*.md | grep '^| `' | LC_ALL=C sort -u -t '`' -k 2,2 >> .build/sbom/licenses.md
	diff docs/evidence/licenses.md .build/sbom/licenses.md

catalogue: ## Generate the catalogue of IAM actions (npm), and what SAM knows of policies (pip)
	go generate ./policy/catalogue ./policy/sam

# CORPUS names a directory with templates.jsonl.gz and yaml-sources.jsonl.gz.
corpus: ## Check the engine on real templates
	go test ./transform ./deploy -run Corpus -count 1 -v

lambda: ## Build the Lambda function for arm64 and amd64
	$(MAKE) build-MacroFunction ARTIFACTS_DIR=.build/arm64 ARCH=arm64
	$(MAKE) build-MacroFunction ARTIFACTS_DIR=.build/amd64 ARCH=amd64

# Writes docs/evidence/performance.md, with real templates where CORPUS names
# them; make bench BENCH=quick measures each thing once and prints the page.
BENCH = whole
NODE_PEER = bench/peers/node/node_modules/.package-lock.json
PYTHON_PEER = $(VENV)-bench/.installed
bench: $(NODE_PEER) $(PYTHON_PEER) ## Measure the macro and its peers (Node 20, Python 3)
	go run ./bench -scale $(BENCH)

$(NODE_PEER): bench/peers/node/package-lock.json
	cd bench/peers/node && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(PYTHON_PEER): bench/peers/python/requirements.txt
	python3 -m venv $(VENV)-bench
	$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r bench/peers/python/requirements.txt
	touch $@

# sam build calls this, with ARTIFACTS_DIR set. ARCH is Go's name of the
# architecture that template.yaml's parameter Architecture names.
ARCH ?= arm64
build-MacroFunction:
	mkdir -p $(ARTIFACTS_DIR)
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) go build -trimpath -buildvcs=auto -tags lambda.norpc -ldflags '-s -w' -o $(ARTIFACTS_DIR)/bootstrap ./cmd/macro

# The zips have times of the local zone. Their names, and the rest, are in
# .goreleaser.yaml. The first run compiles GoReleaser: about 6 minutes, 1.6 GB of
# memory and 4 GB of disk. Later versions than this one need a module that not
# every proxy has.
GORELEASER = TZ=UTC go run github.com/goreleaser/goreleaser/v2@v2.15.1
release-snapshot: ## Build what a release has into dist/
	$(GORELEASER) release --snapshot --clean
	cp .build/release/*.yaml dist/

# The workflow release calls it, with GITHUB_TOKEN set.
release:
	test "$$(git describe --tags --exact-match)" = v$(VERSION)
	mkdir -p .build
	awk '/^## / {on = $$2 == "$(VERSION)"; next} on' CHANGELOG.md >.build/notes.md
	test -s .build/notes.md
	$(GORELEASER) release --clean --release-notes .build/notes.md

release-check: $(TOOLS) ## Build a release of HEAD twice and check it
	e2e/check-release $(VENV)/bin

template: $(TOOLS) ## Check templates, and those that pbm guard writes, against AWS's schemas
	mkdir -p .build
	$(PBM) guard hook --store $(STORE) -o .build/guard-hook.yaml
	$(PBM) guard config --store $(STORE) -o .build/guard-config.yaml
	$(VENV)/bin/cfn-lint template.yaml deploy/*.yaml .build/guard-*.yaml

# cfn-guard runs the rules that pbm guard writes.
CFN_GUARD_VERSION = 3.2.1
CFN_GUARD = .cargo/cfn-guard-$(CFN_GUARD_VERSION)
guard: $(CFN_GUARD) ## Check the rules of pbm guard, with CORPUS on real templates (Rust's cargo)
	CFN_GUARD=$(CURDIR)/$(CFN_GUARD) go test ./guard -run 'TestRules|TestCorpus' -count 1 -v

$(CFN_GUARD):
	cargo install --quiet --locked --force --root .cargo --version $(CFN_GUARD_VERSION) cfn-guard
	cp .cargo/bin/cfn-guard $@

# By AWS's schemas and the source of the SAM translator. Fails when types/ has no
# decision about a type, and writes docs/evidence/types.md, or the file that TYPES
# names.
TYPES = docs/evidence/types.md
types: $(TOOLS) ## Survey which resource types may create roles
	$(VENV)/bin/python types/survey.py $(TYPES)
