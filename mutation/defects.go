package main

// defects are mistakes that would leave a role unbound, change more than the
// boundary, take the wrong boundary, or tell a secret.
var defects = []defect{
	// What a boundary is.
	{
		"a policy of another account is taken", "boundary/boundary.go",
		`case account != "aws" && account != t.AccountID:`, `case account != "aws" && account == "":`,
	},
	{
		"a policy of another partition is taken", "boundary/boundary.go",
		`case partition != t.Partition:`, `case partition == "":`,
	},
	{
		"a value of many accounts keeps one account", "boundary/boundary.go",
		`fields[4] = accountPlaceholder`, `fields[4] = "111122223333"`,
	},
	{
		"a value of many partitions keeps one partition", "boundary/boundary.go",
		`fields[1] = partitionPlaceholder`, `_ = partitionPlaceholder`,
	},
	{
		"white space around a value counts", "boundary/boundary.go",
		`text = strings.TrimSpace(text)`, ``,
	},
	{
		"None means none", "boundary/boundary.go",
		`if text == None {`, `if strings.EqualFold(text, None) {`,
	},
	{
		"text behind an ARN is taken", "boundary/boundary.go",
		"@-]+)$`)", "@-]+)`)",
	},
	{
		"a path of any length is taken", "boundary/boundary.go",
		`len("/")+len(parts[3]) > maxPathLength:`, `len("/")+len(parts[3]) > maxARNLength:`,
	},
	{
		"what placeholders make is not checked", "boundary/boundary.go",
		`if err := checkARN(arn); err != nil {`, `if err := checkARN(arn); err != nil && len(arn) > maxARNLength {`,
	},
	{
		"a request without an account is answered", "boundary/target.go",
		`if t.AccountID == "" {`, `if t.AccountID == "" && t.Region == "" {`,
	},
	{
		"China is of partition aws", "boundary/target.go",
		`{"cn-", "aws-cn"},`, ``,
	},
	{
		"the environment's name may have a slash", "boundary/environment.go",
		`[A-Za-z0-9_.-]`, `[A-Za-z0-9_./-]`,
	},

	// Which environment a stack is of.
	{
		"another environment than the pinned one is taken", "transform/environment.go",
		`if n.environment == "" || n.environment == pinned {`, `if n.environment == "" || pinned != "" {`,
	},
	{
		"under a pin a template parameter may name another environment", "transform/environment.go",
		`c.doubts = append(c.doubts, p)`, `_ = p`,
	},
	{
		"under a pin any value of a template parameter contradicts", "transform/environment.go",
		`case errors.Is(err, boundary.ErrUnknown), errors.Is(err, boundary.ErrDenied):`, `case errors.Is(err, boundary.ErrDenied):`,
	},
	{
		"a store that does not answer is taken for one without the environment", "transform/environment.go",
		`case errors.Is(err, boundary.ErrUnknown), errors.Is(err, boundary.ErrDenied):`, `case err != nil:`,
	},
	{
		"the default comes before what the template names", "transform/environment.go",
		`cmp.Or(parameter.environment, metadata.environment, m.Options.DefaultEnvironment)`,
		`cmp.Or(m.Options.DefaultEnvironment, parameter.environment, metadata.environment)`,
	},
	{
		"Metadata come before the macro's own parameter", "transform/environment.go",
		`if own.environment != "" {
		return choice{environment: own.environment}, nil
	}`, `if name := cmp.Or(metadata.environment, own.environment); name != "" {
		return choice{environment: name}, nil
	}`,
	},
	{
		"Metadata come before template parameters", "transform/environment.go",
		`cmp.Or(parameter.environment, metadata.environment, m.Options.DefaultEnvironment)`,
		`cmp.Or(metadata.environment, parameter.environment, m.Options.DefaultEnvironment)`,
	},
	{
		"an empty template parameter names an environment", "transform/environment.go",
		`strings.EqualFold(m.name, name) && !m.value.isEmpty() {`, `strings.EqualFold(m.name, name) {`,
	},
	{
		"a misspelt parameter of the macro is passed over", "transform/environment.go",
		`case !IsEnvironmentParameter(m.name):
			return named{}, boundary.Problem{`, `case !IsEnvironmentParameter(m.name) && spelled != "":
			return named{}, boundary.Problem{`,
	},
	{
		"of two spellings the last one counts", "transform/environment.go",
		`return named{}, twice("the parameters of "+req.macro, spelled, m.name)`, `spelled = m.name`,
	},
	{
		"a misspelt member of Metadata is passed over", "transform/environment.go",
		`return wrong("has the unknown member " + clip(inner.name, maxID))`, `continue`,
	},
	{
		"a text in Metadata is passed over", "transform/environment.go",
		`return wrong("is not an object")`, `return named{}, nil`,
	},
	{
		"Metadata of a resource are passed over", "transform/walk.go",
		`if id != nil && w.plan.misplaced.name == "" {`, `if id == nil && w.plan.misplaced.name == "" {`,
	},
	{
		"a message repeats a parameter", "transform/environment.go",
		`Problem{What: where + " " + what, Remedy: remedy, Kind: ErrUnnamed}`, `Problem{What: where + " " + what + n.text, Remedy: remedy, Kind: ErrUnnamed}`,
	},
	{
		"a message passes on control characters", "transform/report.go",
		`{ return printable.Clip(name, length) }`, `{ return printable.Clip("", length) + name }`,
	},

	// What is bound.
	{
		"users are bound unasked", "transform/resource.go",
		`if typ == userType && !w.options.BoundUsers {`, `if typ == roleType && !w.options.BoundUsers && w.err != nil {`,
	},
	{
		"state machines are left out", "transform/serverless.go",
		`stateMachineType: {bindStateMachine, []property{permissionsBoundary, events}, true},`, ``,
	},
	{
		"schedules are left out", "transform/serverless.go",
		`const scheduleV2 = "ScheduleV2"`, `const scheduleV2 = "Schedule"`,
	},
	{
		"schedules made by a loop are left out", "transform/serverless.go",
		`case strings.HasPrefix(event.name, foreachPrefix), event.value.isArray()`, `case event.name == foreachPrefix, event.value.isArray()`,
	},
	{
		"WebFunction is left out", "transform/serverless.go",
		`"AWS::Serverless::WebFunction":      {needsRoleUnless((*walk).isPresent, executionRoleArn, "an execution role"), []property{executionRoleArn}, true},`, ``,
	},
	{
		"the role of a deployment in Globals is left out", "transform/serverless.go",
		`return !own.isNull() && (len(own.members) > 0 || len(global) > 0)`, `return len(own.members) > 0`,
	},
	{
		"IgnoreGlobals is ignored for a boundary", "transform/serverless.go",
		`s.inherits = s.kind == siteMember && w.takesGlobal(r, propertyNames[permissionsBoundary])`, `s.inherits = s.kind == siteMember`,
	},
	{
		"a boundary in Globals is left as it is", "transform/plan.go",
		`edits, change, conflict := p.global.bind(v, existing, edits)`, `_, change, conflict := p.global.bind(v, existing, edits)`,
	},
	{
		"a role with Properties null is left out", "transform/bind.go",
		`case h.props.kind == jsontext.KindNull, h.props.function == "Ref" && isNoValue(parse(w.src, h.props.span)):` + "\n\t\ts.kind = siteNull",
		`case h.props.kind == jsontext.KindNull:` + "\n\t\treturn\n\t" + `case h.props.function == "Ref" && isNoValue(parse(w.src, h.props.span)):` + "\n\t\ts.kind = siteNull",
	},
	{
		"Properties made by a function are taken for empty", "transform/bind.go",
		`case h.props.function != "":`, `case h.props.function == "Fn::If":`,
	},
	{
		"Type given twice passes", "transform/walk.go",
		`r.twice = r.twice || !r.typeAt.absent()`, ``,
	},
	{
		"a Fn::Transform in properties passes unseen", "transform/resource.go",
		`if r.props.transformed && !r.transformed {`, `if r.props.transformed && r.transformed {`,
	},
	{
		"properties made by a loop pass", "transform/resource.go",
		`if w.generates(&r.props, r.loops, rule.decides) {`, `if w.generates(&r.props, nil, rule.decides) && len(r.props.loops) == 0 {`,
	},
	{
		"a nested stack passes unseen", "transform/blindspot.go",
		`"AWS::CloudFormation::Stack": reports("is a nested stack, whose template the macro does not see", addTransform),`, ``,
	},
	{
		"a property that is not written out is harmless", "transform/blindspot.go",
		`return (n.isObject() || n.isArray()) && !isNoValue(n)`, `return false`,
	},
	{
		"an automation in a text passes unseen", "transform/blindspot.go",
		`(value.isString() || strings.HasPrefix(name, "Fn::")) && anyString(`, `value.isString() && name == "" && anyString(`,
	},
	{
		"any permission set is of this template", "transform/blindspot.go",
		`return p.permissionSets[id]`, `return id != ""`,
	},
	{
		"a type of a third party passes unseen", "transform/blindspot.go",
		`case bytes.Contains(typ, []byte("::")) && !isOwn(typ):`, `case bytes.Contains(typ, []byte("AWSQS::")) && !isOwn(typ):`,
	},
	{
		"a loop makes no type of a third party", "transform/blindspot.go",
		`func(value string) bool { return !isOwn([]byte(literal + value + rest)) })`, `func(value string) bool { return literal+value+rest == "" })`,
	},
	{
		"a module passes unseen", "transform/blindspot.go",
		`case bytes.HasSuffix(typ, []byte(moduleSuffix)):`, `case bytes.HasPrefix(typ, []byte(moduleSuffix)):`,
	},

	// Loops.
	{
		"&{variable} is taken as it is", "transform/foreach.go",
		`items = l.alphanumeric`, `items = l.items`,
	},
	{
		"a collection that is not known yields nothing", "transform/foreach.go",
		`reach = anything(reach)`, `reach = follow(reach, target, nil, begin)`,
	},
	{
		"a variable out of sight is none", "transform/scope.go",
		`append(loops{{unseen: true}}, w.loops...)`, `append(loops{}, w.loops...)`,
	},
	{
		"a variable of AWS is one of a loop out of sight", "transform/foreach.go",
		`return !strings.Contains(name, "::")`, `return true`,
	},
	{
		"the innermost loop that may have a variable hides the others", "transform/foreach.go",
		`of = append(of, &ls[i])`, `of = []*loop{&ls[i]}`,
	},
	{
		"an item that holds a variable is spelled out", "transform/foreach.go",
		`len(item.text) > maxLoopItem || strings.ContainsAny(item.text, partsOfVariable) {`, `len(item.text) > maxLoopItem {`,
	},

	// A boundary that is there already.
	{
		"AWS::NoValue is kept", "transform/certainty.go",
		`len(n.members) == 0 || isNoValue(n)`, `len(n.members) == 0`,
	},
	{
		"the second branch of Fn::If is kept", "transform/existing.go",
		"\t\tj.branch(argument.elements[2])\n", "",
	},
	{
		"AWS::NoValue inside of a function yields", "transform/certainty.go",
		`return strings.Contains(n.text, "${AWS::NoValue}") || slices.ContainsFunc(n.elements, mayHoldNoValue)`,
		`return strings.Contains(n.text, "${AWS::NoValue}")`,
	},
	{
		"a default of a mapping that may be empty yields", "transform/certainty.go",
		`if mayMiss && len(argument) > 3 {`, `if mayMiss && len(argument) > 4 {`,
	},
	{
		"a failure is longer than Lambda takes", "transform/macro.go",
		`len(out)+at.end-at.start < MaxResponse`, `len(out)+at.end-at.start < 2*MaxResponse`,
	},
	{
		"an object with AWS::NoValue in it is given", "transform/certainty.go",
		`return len(n.members) > 0 && !mayHoldNoValue(n)`, `return len(n.members) > 0`,
	},
	{
		"a variable of AWS in a plain text is one", "transform/certainty.go",
		`if r < ' ' || strings.ContainsRune(partsOfVariable, r) {`, `if r < ' ' {`,
	},
	{
		"AWS::NoValue in a text is some text", "transform/certainty.go",
		`return strings.Contains(n.text, "${AWS::NoValue}") || slices`, `return slices`,
	},
	{
		"a parameter that may be empty is a boundary", "transform/parameter.go",
		`case !key.isNonEmpty && !c.isNeverEmpty(declaration), slices`, `case slices`,
	},
	{
		"a condition keeps a parameter from being empty in the other branch", "transform/condition.go",
		`case name == "Fn::Equals" && len(e) == 2 && !holds:`, `case name == "Fn::Equals" && len(e) == 2 && holds:`,
	},
	{
		"a text that is not known is the ARN of a policy", "transform/certainty.go",
		"!strings.HasPrefix(head, prefix) {\n\t\treturn text\n", "!strings.HasPrefix(head, prefix) {\n\t\treturn strings.ReplaceAll(text, unknown, \"arn:aws:iam::aws:policy/x\")\n",
	},
	{
		"a policy of the template is the boundary whatever its path is", "transform/policy.go",
		`c.pathOf(properties.get("Path"))`, `[]string{"/platform/"}`,
	},
	{
		"a policy that a loop makes goes by the ID that is written", "transform/policy.go",
		`len(r.loops.seen()) > w.outside {`, `len(r.loops.seen()) > w.outside+1 {`,
	},
	{
		"SAM takes an empty text for a role of a state machine", "transform/serverless.go",
		`return !slices.ContainsFunc(w.present(around).texts(n), mayBeEmpty)`, `return true`,
	},
	{
		"a key that SAM does not resolve is looked up", "transform/serverless.go",
		`return (n.isString() || name == "Ref") && len(keys) == 1`, `return (n.isString() || name != "") && len(keys) == 1`,
	},
	{
		"reject takes a boundary that differs", "transform/existing.go",
		`j.conflict = describe(n)`, `j.conflict = ""`,
	},
	{
		"a message repeats a text that is no boundary", "transform/existing.go",
		`if !isPolicy(n.text) {`, `if !isPolicy(n.text) && n.text == "" {`,
	},
	{
		"a Fn::Sub that means another boundary is the same", "transform/value.go",
		`return !ok || resolved != v.text`, `return !ok || resolved == ""`,
	},

	// Templates of StackSets.
	{
		"roles of a StackSet get an ARN of this account", "transform/plan.go",
		`e.bind(v.portable(), existing)`, `e.bind(v, existing)`,
	},
	{
		"a dynamic reference may be a Type in a StackSet's template", "transform/stackset.go",
		`if refers && r.loops.refersInName(`, `if !refers && r.loops.refersInName(`,
	},
	{
		"a fragment that is the value of a property passes", "transform/macro.go",
		`if report.Err == nil && req.plan.isValue {`, `if report.Err != nil && req.plan.isValue {`,
	},
	{
		"a loop makes sections in a StackSet's template", "transform/walk.go",
		`w.loops.mayBecome(string(name), "Resources") || `, ``,
	},
	{
		"escapes in a StackSet's template pass", "transform/stackset.go",
		`p.escapes = append(p.escapes, e.found(f))`, `_ = f`,
	},
	{
		"the macro anywhere in a StackSet's Transform is enough", "transform/stackset.go",
		`transforms[len(transforms)-1] == macro {`, `slices.Contains(transforms, macro) {`,
	},
	{
		"a surrogate pair is one escape", "transform/stackset.go",
		`escape = 12`, `escape = 6`,
	},

	// Bytes.
	{
		"edits are not sorted", "transform/plan.go",
		`slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })`, `_ = cmp.Compare[int]`,
	},
	{
		"the first of two members counts", "transform/json.go",
		`for i := len(n.members) - 1; i >= 0; i-- {`, `for i := range n.members {`,
	},
	{
		"a member is written without its white space", "transform/edit.go",
		`out = append(out, src[e.start:name1.start]...)`, ``,
	},
	{
		"a second fragment is taken", "transform/request.go",
		`if !req.plan.fragment.absent() {`, `if req.plan.fragment.start < 0 {`,
	},
	{
		"a requestId further inside is answered", "transform/request.go",
		`if depth == 1 && string(text)`, `if depth >= 1 && string(text)`,
	},
	{
		"a response that is too long for Lambda is sent", "transform/macro.go",
		`if len(response) > MaxResponse {`, `if len(response) > 2*MaxResponse {`,
	},

	// What is written is verified, and what is given twice.
	{
		"offsets count from the beginning of the file", "transform/template.go",
		`at := t.lead + fragment`, `at := fragment`,
	},
	{
		"a result is not compared with the template", "transform/verify.go",
		`if !c.same(req.plan, req.bound) || !sameEntries(before, after, req.macro) {`,
		`if c.same(req.plan, req.bound) && !sameEntries(before, after, req.macro) {`,
	},
	{
		"a result with another boundary is taken", "transform/verify.go",
		`return c.boundary.isWritten(parse(c.after.src, now))`, `return c.boundary.text != ""`,
	},
	{
		"a text of YAML 1.1's line breaks is plain", "transform/convert.go",
		`return r != '\n' && r != '\t' && !unicode.IsPrint(r)`, `return r < ' ' && r != '\n' && r != '\t' && !unicode.IsPrint(r)`,
	},
	{
		"a role that is given twice is bound once", "transform/repeated.go",
		`if n > 1 && slices.ContainsFunc(all[:n],`, `if n > 2 && slices.ContainsFunc(all[:n],`,
	},
	{
		"a section that is given twice passes", "transform/walk.go",
		`for _, section := range slices.Compact(again) {`, `for _, section := range again[:0] {`,
	},

	// YAML.
	{
		"the value behind an anchor is edited for each alias", "transform/yaml_edit.go",
		`			if done[at] {`, `			if done[at] && at.piece == requoted {`,
	},
	{
		"an edit of YAML is not read again", "transform/yaml_edit.go",
		`return bytes.Equal(again.shadow, want) || sameJSON(again.shadow, want)`, `return again.shadow != nil || sameJSON(again.shadow, want)`,
	},
	{
		"of two merge keys that bring the same key the first counts", "transform/yaml.go",
		`case isBrought && first != i:`, `case isBrought && first > i:`,
	},
	{
		"a loop around a template replaces nothing in its Globals", "transform/walk.go",
		`if isVarying(w.globals) ||`, `if false && isVarying(w.globals) ||`,
	},
	{
		"a loop around a template replaces nothing in its sections", "transform/certainty.go",
		`if len(p.around) > 0 && p.around.anyVariesWithin(section) {`, `if false {`,
	},
	{
		"a loop replaces no policy", "transform/policy.go",
		`if p.arns == nil && c.mayBeReplaced(p) {`, `if false {`,
	},
	{
		"a key overrides no merge key", "transform/yaml.go",
		`case !known[m.name.Value]:`, `case m.name.Value != "":`,
	},
	{
		"copies that aliases make are not bounded", "transform/yaml.go",
		`case c.copies > maxCopies:`, `case c.copies > 30*maxCopies:`,
	},

	// Whose file may decide what.
	{
		"a project file of another user is obeyed", "deploy/trust.go",
		`uid != os.Geteuid() && uid != 0`, `uid < 0`,
	},
	{
		"a project file decides where a pipeline writes", "deploy/trust.go",
		"	if j.isConfirmed(environment) {\n", "	if j.isConfirmed(environment) || !p.canAsk() {\n",
	},
	{
		"a project's store leads out of its directory", "deploy/trust.go",
		`if err != nil || !isWithin(dir, real) {`, `if err != nil && !isWithin(dir, real) {`,
	},
	{
		"a file of something else is taken for a store", "paramstore/file.go",
		"	d.DisallowUnknownFields()\n", "",
	},

	// What is read of templates that are not CloudFormation's own YAML.
	{
		"tags of other tools are taken for functions", "transform/yaml.go",
		`if !c.foreignTags && !slices.Contains(shortForms, name) {`, `if c.foreignTags && !slices.Contains(shortForms, name) {`,
	},
	{
		"templates with tags of other tools cannot be inspected", "transform/template.go",
		`parseTemplate(src, reading{foreignTags: true})`, `parseTemplate(src, reading{})`,
	},
}
