# make demo and make test need Go and make, and nothing else.

.PHONY: demo test test-moto e2e aws-smoke faults race cover mutation sbom lint fuzz generate corpus lambda template types bench build-MacroFunction

STORE    = file:examples/environments.json
PBM      = go run ./cmd/pbm
FUZZTIME = 10s
FUZZ     = transform/FuzzRespond transform/FuzzFragment transform/FuzzTemplate transform/FuzzYAML transform/FuzzGrammar \
	boundary/FuzzParse boundary/FuzzCheckEnvironment deploy/FuzzProject paramstore/FuzzFile
VENV     = .venv
TOOLS    = $(VENV)/.installed

# The main job: a template's roles get the boundary of their environment.
demo:
	@echo 'A template written by hand, environment prod:'
	@$(PBM) transform examples/service-plain.yaml --store $(STORE) --parameter Stage=prod --diff
	@echo
	@echo 'A stack of the CDK, environment dev:'
	@$(PBM) transform examples/website-cdk.json --store $(STORE) --diff

test:
	go test ./...

# The same scripts and the same rules of stores, against another one's SSM, STS
# and IAM. One at a time: moto is one account of everything.
test-moto: $(TOOLS)
	e2e/with-moto $(VENV)/bin/moto_server go test ./deploy ./paramstore -run 'TestScripts|TestStores' -count 1 -parallel 1 -p 1 -timeout 30m

# What users use, end to end: SAM CLI, the AWS CLI, the CDK, with the macro's
# function in AWS's runtime emulator, and moto in place of AWS.
e2e: $(TOOLS) e2e/node_modules
	e2e/with-docker e2e/with-image e2e/with-moto $(VENV)/bin/moto_server e2e/run

# In a real account: installs the macro, deploys an example, checks IAM, removes
# all. make aws-smoke ACCOUNT=111122223333 REGION=eu-west-1 STACK=pbm-smoke
aws-smoke:
	e2e/aws-smoke

# The programs of AWS, and moto, at the versions of e2e/requirements.txt, which
# lists all that they depend on, too: pip-compile --generate-hashes
# --allow-unsafe --no-strip-extras --no-annotate --no-header.
$(TOOLS): e2e/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r e2e/requirements.txt
	touch $@

e2e/node_modules: e2e/package-lock.json
	cd e2e && npm ci --ignore-scripts --silent --no-audit --no-fund
	touch $@

# What goes wrong around the function, and hostile templates, those that take
# seconds included. Writes the tables of docs/evidence/reliability.md.
faults:
	FAULTS=1 go test ./cmd/macro -run 'Fault|Runtime|Refusals|Hostile' -count 1 -update
	FAULTS=1 go test ./deploy -run HostileFiles -count 1

race:
	go test -race -timeout 30m ./...

# Statements of transform and boundary that their own tests reach.
COVERED = 95
cover:
	mkdir -p .build
	go test ./transform ./boundary -coverpkg=./transform,./boundary -coverprofile=.build/cover.out
	go tool cover -func .build/cover.out | awk '$$NF != "100.0%" {print} END {exit $$NF + 0 < $(COVERED)}'

# Defects that the tests must catch, one by one.
mutation:
	go run ./mutation

lint:
	@unformatted=$$(go run mvdan.cc/gofumpt@v0.12.0 -l .); echo "$$unformatted"; test -z "$$unformatted"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go mod tidy -diff

# Each fuzz target for FUZZTIME: make fuzz FUZZTIME=30m
fuzz:
	set -e; for target in $(FUZZ); do .ci/fuzz ./$${target%/*} $${target#*/} $(FUZZTIME); done

# Random templates: loops in each other, boundaries in every form, and white
# space anywhere. make generate GENERATED=100000 SEED=7
GENERATED = 20000
SEED      = 1
GENERATE  = TestGeneratedLoops|TestBoundaryValues|TestRendered
generate:
	GENERATED=$(GENERATED) SEED=$(SEED) go test ./transform -run '^($(GENERATE))$$' -count 1 -timeout 0 -v

# What is in the programs, by CycloneDX, and under which licenses: docs/evidence/licenses.md
# must say so.
VERSION = $(shell sed -n 's/ *SemanticVersion: //p' template.yaml)
sbom:
	mkdir -p .build/sbom
	set -e; for program in macro pbm; do \
		go build -trimpath -buildvcs=false -tags lambda.norpc -o .build/sbom/$$program ./cmd/$$program; \
		go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0 bin -licenses -json -noserial -notimestamp \
			-version $(VERSION) -output .build/sbom/$$program.cdx.json .build/sbom/$$program; \
	done
	go run github.com/google/go-licenses@v1.6.0 report --ignore permissions-boundary-macro --template docs/evidence/licenses.tpl \
		./cmd/macro ./cmd/pbm > .build/sbom/licenses.md
	diff docs/evidence/licenses.md .build/sbom/licenses.md

# The laws on real templates: CORPUS names a folder with templates.jsonl.gz and
# yaml-sources.jsonl.gz.
corpus:
	go test ./transform ./deploy -run Corpus -count 1 -v

# The Lambda for both architectures.
lambda:
	$(MAKE) build-MacroFunction ARTIFACTS_DIR=.build/arm64 ARCH=arm64
	$(MAKE) build-MacroFunction ARTIFACTS_DIR=.build/amd64 ARCH=amd64

# Measures everything and writes docs/evidence/performance.md; make bench BENCH=quick
# measures hardly anything, and writes nothing, to see that all of it works.
# It takes Node 20 and Python 3, and installs there what the peers need.
BENCH = whole
NODE_PEER = bench/peers/node/node_modules/.package-lock.json
PYTHON_PEER = $(VENV)-bench/.installed
bench: $(NODE_PEER) $(PYTHON_PEER)
	go run ./bench -scale $(BENCH)

$(NODE_PEER): bench/peers/node/package-lock.json
	cd bench/peers/node && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

$(PYTHON_PEER): bench/peers/python/requirements.txt
	python3 -m venv $(VENV)-bench
	$(VENV)-bench/bin/pip install --quiet --disable-pip-version-check --require-hashes -r bench/peers/python/requirements.txt
	touch $@

# sam build calls this, with ARTIFACTS_DIR set. ARCH is what Go calls the
# processor that the parameter Architecture of template.yaml names.
ARCH ?= arm64
build-MacroFunction:
	mkdir -p $(ARTIFACTS_DIR)
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w' -o $(ARTIFACTS_DIR)/bootstrap ./cmd/macro

# template.yaml and deploy/spoke.yaml against the schemas of AWS.
template: $(TOOLS)
	$(VENV)/bin/cfn-lint template.yaml deploy/spoke.yaml

# Which resource types may create roles, by the schemas of AWS and the source of
# the SAM translator: fails when a decision about one is missing in types/, and
# writes docs/evidence/types.md, or the file that TYPES names.
TYPES = docs/evidence/types.md
types: $(TOOLS)
	$(VENV)/bin/python types/survey.py $(TYPES)
