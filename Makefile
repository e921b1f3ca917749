# make demo and make test need Go and make, and nothing else.

.PHONY: demo test test-moto e2e race lint fuzz corpus lambda template build-MacroFunction

STORE    = file:examples/environments.json
PBM      = go run ./cmd/pbm
FUZZTIME = 10s
VENV     = .venv
TOOLS    = $(VENV)/.installed

# The main job: a template's roles get the boundary of their environment.
demo:
	@echo 'A template written by hand, environment prod:'
	@$(PBM) transform examples/service-plain.yaml --store $(STORE) --parameter Stage=prod --diff
	@echo
	@echo 'A stack of the CDK, environment dev:'
	@$(PBM) transform examples/website-cdk.json --store $(STORE) --environment dev --diff

test:
	go test ./...

# The same scripts and the same rules of stores, against another one's SSM, STS
# and IAM. One at a time: moto is one account of everything.
test-moto: $(TOOLS)
	e2e/with-moto $(VENV)/bin/moto_server go test ./deploy ./paramstore -run 'TestScripts|TestStores' -count 1 -parallel 1 -p 1

# What users use, end to end: SAM CLI, the AWS CLI, the CDK, with the macro's
# function in AWS's runtime emulator, and moto in place of AWS.
e2e: $(TOOLS) e2e/node_modules
	e2e/with-docker e2e/with-moto $(VENV)/bin/moto_server e2e/run

# The programs of AWS, and moto, at the versions of e2e/requirements.txt.
$(TOOLS): e2e/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r e2e/requirements.txt
	touch $@

e2e/node_modules: e2e/package-lock.json
	cd e2e && npm ci --silent --no-audit --no-fund
	touch $@

race:
	go test -race ./...

lint:
	@unformatted=$$(go run mvdan.cc/gofumpt@v0.12.0 -l .); echo "$$unformatted"; test -z "$$unformatted"
	go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...
	go mod tidy -diff

# Each fuzz target for FUZZTIME: make fuzz FUZZTIME=10m
fuzz:
	go test ./transform -run '^$$' -fuzz '^FuzzRespond$$' -fuzztime $(FUZZTIME)
	go test ./transform -run '^$$' -fuzz '^FuzzTemplate$$' -fuzztime $(FUZZTIME)
	go test ./transform -run '^$$' -fuzz '^FuzzYAML$$' -fuzztime $(FUZZTIME)
	go test ./boundary -run '^$$' -fuzz '^FuzzParse$$' -fuzztime $(FUZZTIME)

# The laws on real templates: CORPUS names a folder with templates.jsonl.gz and
# yaml-sources.jsonl.gz.
corpus:
	go test ./transform ./deploy -run Corpus -count 1 -v

# The Lambda for both architectures.
lambda:
	$(MAKE) build-MacroFunction ARTIFACTS_DIR=.build/arm64 ARCH=arm64
	$(MAKE) build-MacroFunction ARTIFACTS_DIR=.build/amd64 ARCH=amd64

# sam build calls this, with ARTIFACTS_DIR set. ARCH is what Go calls the
# processor that the parameter Architecture of template.yaml names.
ARCH ?= arm64
build-MacroFunction:
	mkdir -p $(ARTIFACTS_DIR)
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w' -o $(ARTIFACTS_DIR)/bootstrap ./cmd/macro

# template.yaml against the schemas of AWS.
template: $(TOOLS)
	$(VENV)/bin/cfn-lint template.yaml
