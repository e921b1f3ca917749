package main

// defects are mistakes that would leave a role unbound, change more than the
// boundary, use the wrong boundary, reveal a secret, or say the wrong thing about
// what a boundary takes. When the code that one is about changes, go run
// ./mutation -n says so: edit the defect, or replace it by one that the new code
// may have.
var defects = []defect{
	// What a boundary is.
	{
		"a policy of another account is taken",
		`case account != "aws" && account != t.AccountID:`, `case account != "aws" && account == "":`,
	},
	{
		"a policy of another partition is taken",
		`case partition != t.Partition:`, `case partition == "":`,
	},
	{
		"a value of many accounts keeps one account",
		`fields[4] = accountPlaceholder`, `fields[4] = "111122223333"`,
	},
	{
		"a value of many partitions keeps one partition",
		`fields[1] = partitionPlaceholder`, `_ = partitionPlaceholder`,
	},
	{
		"white space around a value counts",
		`text = strings.TrimSpace(text)`, ``,
	},
	{
		"None means none",
		`if text == None {`, `if strings.EqualFold(text, None) {`,
	},
	{
		"text behind an ARN is taken",
		"@-]+)$`)", "@-]+)`)",
	},
	{
		"a path of any length is taken",
		`len("/")+len(parts[3]) > maxPathLength:`, `len("/")+len(parts[3]) > maxARNLength:`,
	},
	{
		"what placeholders make is not checked",
		`if err := checkARN(arn); err != nil {`, `if err := checkARN(arn); err != nil && len(arn) > maxARNLength {`,
	},
	{
		"a request without an account is answered",
		`if t.AccountID == "" {`, `if t.AccountID == "" && t.Region == "" {`,
	},
	{
		"China is of partition aws",
		`{"cn-", "aws-cn"},`, ``,
	},
	{
		"the environment's name may have a slash",
		`^[A-Za-z0-9_.-]+$`, `^[A-Za-z0-9_./-]+$`,
	},
	{
		"any text of a request is an account ID",
		`if CheckAccountID(text) != nil {`, `if text == "" {`,
	},

	// Which value takes effect.
	{
		"an override is ignored",
		`m.boundary(ctx, boundary.KeyIn(chosen.environment, req.accountID))`,
		`m.boundary(ctx, boundary.Key{Environment: chosen.environment})`,
	},
	{
		"the environment's own value replaces a malformed override",
		`	record, err := m.Store.Effective(ctx, in)
`, `	record, err := m.Store.Effective(ctx, in)
	if _, malformed := boundary.Parse(record.Text); err == nil && malformed != nil {
		record, err = m.Store.Effective(ctx, in.Own())
	}
`,
	},
	{
		"SSM's answer may leave an override out",
		`		delete(names, missing)
	}
	if len(names) > 0 {`, `		delete(names, missing)
	}
	if len(names) > 1 {`,
	},
	{
		"the environment's own value comes before its override",
		`	for _, key := range keys {
		if record, found := records[key]; found {`, `	for _, key := range slices.Backward(keys) {
		if record, found := records[key]; found {`,
	},

	// Which environment a stack is of.
	{
		"another environment than the pinned one is taken",
		`if n.environment == "" || n.environment == pinned {`, `if n.environment == "" || pinned != "" {`,
	},
	{
		"under a pin a template parameter may name another environment",
		`c.doubts = append(c.doubts, p)`, `_ = p`,
	},
	{
		"under a pin any value of a template parameter contradicts",
		`case errors.Is(err, boundary.ErrUnknown), errors.Is(err, boundary.ErrDenied):`, `case errors.Is(err, boundary.ErrDenied):`,
	},
	{
		"a store that does not answer is taken for one without the environment",
		`case errors.Is(err, boundary.ErrUnknown), errors.Is(err, boundary.ErrDenied):`, `case err != nil:`,
	},
	{
		"the default comes before what the template names",
		`cmp.Or(parameter.environment, metadata.environment, m.Options.DefaultEnvironment)`,
		`cmp.Or(m.Options.DefaultEnvironment, parameter.environment, metadata.environment)`,
	},
	{
		"Metadata come before the macro's own parameter",
		`if own.environment != "" {
		return choice{environment: own.environment}, nil
	}`, `if name := cmp.Or(metadata.environment, own.environment); name != "" {
		return choice{environment: name}, nil
	}`,
	},
	{
		"Metadata come before template parameters",
		`cmp.Or(parameter.environment, metadata.environment, m.Options.DefaultEnvironment)`,
		`cmp.Or(metadata.environment, parameter.environment, m.Options.DefaultEnvironment)`,
	},
	{
		"an empty template parameter names an environment",
		`strings.EqualFold(m.Name, name) && !m.Value.IsEmpty() {`, `strings.EqualFold(m.Name, name) {`,
	},
	{
		"a misspelt parameter of the macro is passed over",
		`case !IsEnvironmentParameter(m.Name):
			return named{}, boundary.Problem{`, `case !IsEnvironmentParameter(m.Name) && spelled != "":
			return named{}, boundary.Problem{`,
	},
	{
		"of two spellings the last one counts",
		`return named{}, twice("the parameters of "+req.macro, spelled, m.Name)`, `spelled = m.Name`,
	},
	{
		"a misspelt member of Metadata is passed over",
		`return wrong("has the unknown member " + printable.Clip(inner.Name, rules.MaxID))`, `continue`,
	},
	{
		"a text in Metadata is passed over",
		`return wrong("is not an object")`, `return named{}, nil`,
	},
	{
		"Metadata of a resource are passed over",
		`if id != nil && c.Misplaced.Name == "" {`, `if id == nil && c.Misplaced.Name == "" {`,
	},
	{
		"a message repeats a parameter",
		`Problem{What: where + " " + what, Remedy: remedy, Kind: ErrUnnamed}`, `Problem{What: where + " " + what + n.Text, Remedy: remedy, Kind: ErrUnnamed}`,
	},
	{
		"a message passes on control characters",
		`if text = Line(text); len(text) > length {`, `if len(text) > length {`,
	},

	// What is bound.
	{
		"users are bound unasked",
		`return typ == userType && !in.options.BoundUsers`, `return false`,
	},
	{
		"state machines are left out",
		`{name: "AWS::Serverless::StateMachine", binds: []rule{stateMachineBoundary, eventBoundaries}},`,
		`{name: "AWS::Serverless::StateMachine"},`,
	},
	{
		"schedules are left out",
		`const scheduleV2 = "ScheduleV2"`, `const scheduleV2 = "Schedule"`,
	},
	{
		"schedules made by a loop are left out",
		`case strings.HasPrefix(event.Name, foreachPrefix), event.Value.IsArray()`, `case strings.HasPrefix(event.Name, foreachPrefix+"none"), event.Value.IsArray()`,
	},
	{
		"WebFunction is left out",
		`{name: "AWS::Serverless::WebFunction", refuses: unlessPresent("ExecutionRoleArn")},`,
		`{name: "AWS::Serverless::WebFunction"},`,
	},
	{
		"the role of a deployment in Globals is left out",
		`return !own.IsNull() && (len(own.Members) > 0 || len(global) > 0)`, `return len(own.Members) > 0`,
	},
	{
		"IgnoreGlobals is ignored for a boundary",
		`s.inherits = s.kind == siteMember && in.takesGlobal(r, permissionsBoundary.String())`,
		`s.inherits = s.kind == siteMember`,
	},
	{
		"a boundary in Globals is left as it is",
		`edits, change, conflict := v.global.bind(b, existing, edits)`,
		`_, change, conflict := v.global.bind(b, existing, edits)`,
	},
	{
		"a role with Properties null is left out",
		`case h.props.kind == jsontext.KindNull, h.props.function == "Ref" && isNoValue(template.NodeAt(in.Src, h.props.Span)):` + "\n\t\ts.kind = siteNull",
		`case h.props.kind == jsontext.KindNull: return s, false
	case h.props.function == "Ref" && isNoValue(template.NodeAt(in.Src, h.props.Span)):` + "\n\t\ts.kind = siteNull",
	},
	{
		"Properties made by a function are taken for empty",
		`case h.props.function != "":`, `case h.props.function == "Fn::If":`,
	},
	{
		"Type given twice passes",
		`r.twice = r.twice || !r.typeAt.Absent()`, ``,
	},
	{
		"a Fn::Transform in properties passes unseen",
		`if r.props.transformed && !r.transformed {`, `if r.props.transformed && r.transformed {`,
	},
	{
		"properties made by a loop pass",
		`if mayMake(in.Src, &r.props, r.loops, r.known.decisive) {`,
		`if mayMake(in.Src, &r.props, nil, r.known.decisive) && len(r.props.loops) == 0 {`,
	},
	{
		"a nested stack passes unseen",
		`{name: "AWS::CloudFormation::Stack", reports: asBlindSpot(codeNestedStack)},`,
		`{name: "AWS::CloudFormation::Stack"},`,
	},
	{
		"a property that is not written out is harmless",
		`return (n.IsObject() || n.IsArray()) && !isNoValue(n)`, `return false`,
	},
	{
		"an automation in a text passes unseen",
		`(value.IsString() || strings.HasPrefix(function, functionPrefix)) && anyString(`,
		`value.IsString() && function == "" && anyString(`,
	},
	{
		"any permission set is of this template",
		`return refersTo == nil || !in.permissionSets[refersTo(argument)]`,
		`return refersTo == nil || refersTo(argument) == ""`,
	},
	{
		"a type of a third party passes unseen",
		`case bytes.Contains(typ, []byte("::")) && !isOwn(typ):`, `case bytes.Contains(typ, []byte("AWSQS::")) && !isOwn(typ):`,
	},
	{
		"a loop makes no type of a third party",
		`func(value string) bool { return !isOwn([]byte(literal + value + rest)) })`, `func(value string) bool { return literal+value+rest == "" })`,
	},
	{
		"a module passes unseen",
		`case bytes.HasSuffix(typ, []byte(moduleSuffix)):`, `case bytes.HasPrefix(typ, []byte(moduleSuffix)):`,
	},

	// Loops.
	{
		"&{variable} is taken as it is",
		`items = l.alphanumeric`, `items = l.items`,
	},
	{
		"a collection that is not known yields nothing",
		`reach = anything(reach)`, `reach = follow(reach, target, nil, begin)`,
	},
	{
		"a variable out of sight is none",
		`loops{{unseen: true}}`, `loops{}`,
	},
	{
		"a variable of AWS is one of a loop out of sight",
		`return !strings.Contains(name, "::")`, `return true`,
	},
	{
		"the innermost loop that may have a variable hides the others",
		`of = append(of, &ls[i])`, `of = []*loop{&ls[i]}`,
	},
	{
		"an item that holds a variable is spelled out",
		`if unknown.hasParts {`, `if unknown.hasParts = false; unknown.hasParts {`,
	},
	{
		"a text that is too long is part of an ARN",
		`if len(a)+len(b) > maxText { return anyTextOrNoARN()`, `if len(a)+len(b) > maxText {
				return anyText()`,
	},
	{
		"an item that holds a brace is part of an ARN",
		`return anyTextOrNoARN() case !known`, `return anyText()
	case !known`,
	},

	// A boundary that is there already.
	{
		"AWS::NoValue is kept",
		`len(n.Members) == 0 || isNoValue(n)`, `len(n.Members) == 0`,
	},
	{
		"the second branch of Fn::If is kept",
		`for i, value := range either {`, `for i, value := range either[:1] {`,
	},
	{
		"AWS::NoValue inside of a function yields",
		`return strings.Contains(n.Text, "${AWS::NoValue}") || slices.ContainsFunc(n.Elements, mayRemove)`,
		`return strings.Contains(n.Text, "${AWS::NoValue}")`,
	},
	{
		"a default of a mapping that may be empty yields",
		`if mayMiss && len(e) > 3 {`,
		`if mayMiss && len(e) > 4 {`,
	},
	{
		"a failure is longer than Lambda takes",
		`len(out)+len(key)+len(req.fragment)+len("}") <= MaxResponse`, `len(out)+len(key)+len(req.fragment)+len("}") <= 2*MaxResponse`,
	},
	{
		"an object with AWS::NoValue in it is given",
		`return len(n.Members) == 0 || mayRemove(n)`,
		`return len(n.Members) == 0`,
	},
	{
		"a variable of AWS in a plain text is one",
		`if r < ' ' || strings.ContainsRune(partsOfVariable, r) {`, `if r < ' ' {`,
	},
	{
		"AWS::NoValue in a text is some text",
		`return strings.Contains(n.Text, "${AWS::NoValue}") || slices`, `return slices`,
	},
	{
		"a parameter that may be empty is a boundary",
		`case !key.isNonEmpty && !c.isNeverEmpty(declaration), slices`, `case slices`,
	},
	{
		"a condition keeps a parameter from being empty in the other branch",
		`case name == "Fn::Equals" && len(e) == 2 && !holds:`, `case name == "Fn::Equals" && len(e) == 2 && holds:`,
	},
	{
		"a text that is not known is the ARN of a policy",
		"!strings.HasPrefix(head, prefix) {\n\t\treturn text\n", "!strings.HasPrefix(head, prefix) {\n\t\treturn strings.ReplaceAll(text, unknown, \"arn:aws:iam::aws:policy/x\")\n",
	},
	{
		"a policy of the template is the boundary whatever its path is",
		`c.pathOf(properties.Get("Path"))`, `[]string{"/platform/"}`,
	},
	{
		"a policy that a loop makes goes by the ID that is written",
		`len(r.loops.seen()) == in.outside`, `len(r.loops.seen()) <= in.outside+1`,
	},
	{
		"SAM takes an empty text for a role of a state machine",
		`return !slices.ContainsFunc(in.present(around).texts(n), mayBeEmpty)`, `return true`,
	},
	{
		"a key that SAM does not resolve is looked up",
		`return (n.IsString() || name == "Ref") && len(keys) == 1`, `return (n.IsString() || name != "") && len(keys) == 1`,
	},
	{
		"reject takes a boundary that differs",
		`x.conflict = describe(n)`,
		`x.conflict = ""`,
	},
	{
		"a message repeats a text that is no boundary",
		`if !isPolicy(n.Text) {`, `if !isPolicy(n.Text) && n.Text == "" {`,
	},
	{
		"a Fn::Sub that means another boundary is the same",
		`return !ok || resolved != b.Text`,
		`return !ok || resolved == ""`,
	},

	// What a template accepts.
	{
		"an excuse hides an escape",
		`return slices.Concat(v.Escapes, conflicts, m.refusedBlindSpots(v))`,
		`return slices.Concat(slices.DeleteFunc(slices.Clone(v.Escapes), func(f rules.Finding) bool {
			return slices.ContainsFunc(v.Excuses, func(x rules.Finding) bool { return x.LogicalID == f.LogicalID })
		}), conflicts, m.refusedBlindSpots(v))`,
	},
	{
		"an excuse counts without the setting",
		`case m.Options.AcceptBlindSpots:`, `case true:`,
	},
	{
		"words of the template are logged without the setting",
		`if m.Options.AcceptBlindSpots {`, `if true {`,
	},
	{
		"an excuse is for every code",
		`f.Code == code && f.LogicalID == id`, `f.LogicalID == id`,
	},
	{
		"an excuse is for the template in a StackSet",
		`f.Code == code && f.LogicalID == id`, `f.Code == code && strings.HasPrefix(f.LogicalID, id)`,
	},
	{
		"an excuse is for a resource of the same name in another loop",
		`v.Blind[i].Offset < x.End; i++`, `true; i++`,
	},
	{
		"an excuse needs no reason",
		`case !m.Value.IsString(), strings.TrimSpace(m.Value.Text) == "", repeated[m.Name]:`, `case !m.Value.IsString(), repeated[m.Name]:`,
	},
	{
		"an excuse may be given twice",
		`if x.twice || !accept.IsObject() {`, `if !accept.IsObject() {`,
	},
	{
		"check accepts what the macro refuses",
		`if f.Accepted != "" && !c.refusesAccepted() {`, `if f.Accepted != "" {`,
	},

	// What a baseline knows.
	{
		"a baseline hides two findings by one entry",
		`left[e]--`, ``,
	},
	{
		"a baseline hides what cannot be read",
		`if left[e] == 0 || code == codeUnreadable {`, `if left[e] == 0 {`,
	},
	{
		"what a baseline knows fails the check",
		`case counts.Escapes > known.escapes:`, `case counts.Escapes > 0:`,
	},

	// Templates of StackSets.
	{
		"roles of a StackSet get an ARN of this account",
		`e.bind(b.Portable(), existing)`,
		`e.bind(b, existing)`,
	},
	{
		"a dynamic reference may be a Type in a StackSet's template",
		`if refers && r.loops.refersInName(`, `if !refers && r.loops.refersInName(`,
	},
	{
		"a fragment that is the value of a property passes",
		`if report.Err == nil && req.verdict.IsValue {`,
		`if report.Err != nil && req.verdict.IsValue {`,
	},
	{
		"a loop makes sections in a StackSet's template",
		`c.loops.mayBecome(string(name), "Resources") || `, ``,
	},
	{
		"escapes in a StackSet's template pass",
		`v.Escapes = append(v.Escapes, e.outer(f))`,
		`_ = f`,
	},
	{
		"the macro anywhere in a StackSet's Transform is enough",
		`if len(transforms) > 0 && transforms[len(transforms)-1].Name == macro && !mayBeReplaced {`,
		`if slices.ContainsFunc(transforms, func(l template.Entry) bool { return l.Name == macro }) && !mayBeReplaced {`,
	},
	{
		"a surrogate pair is one escape",
		`escape = 12`, `escape = 6`,
	},

	// Bytes.
	{
		"edits are not sorted",
		`slices.SortStableFunc(edits, func(a, b template.Edit) int { return cmp.Compare(a.Start, b.Start) })`, `_ = cmp.Compare[int]`,
	},
	{
		"the first of two members counts",
		`for i := len(n.Members) - 1; i >= 0; i-- {`, `for i := range n.Members {`,
	},
	{
		"a member is written without its white space",
		`out = append(out, src[e.Start:name.Start]...)`,
		``,
	},
	{
		"a second fragment is taken",
		`err = errors.New("fragment is given twice")`, `err = nil`,
	},
	{
		"a requestId further inside is answered",
		`if depth == 1 && string(text)`, `if depth >= 1 && string(text)`,
	},
	{
		"a response that is too long for Lambda is sent",
		`if len(response) > MaxResponse {`, `if len(response) > 2*MaxResponse {`,
	},

	// What is written is verified, and what is given twice.
	{
		"the section Transform stays in what macros see",
		`return bytes.TrimSpace(slices.Concat(t.json[:t.cut.Start], t.json[t.cut.End:]))`, `return bytes.TrimSpace(slices.Clone(t.json))`,
	},
	{
		"a result is not compared with the template",
		`case !req.verdict.OnlyBinds(req.bound, before, out) || !template.SameEntries(before, out, req.macro):`,
		`case req.verdict.OnlyBinds(req.bound, before, out) && !template.SameEntries(before, out, req.macro):`,
	},
	{
		"a result with another boundary is taken",
		`return c.boundary.isWritten(template.NodeAt(c.after.Src, now))`, `return c.boundary.Text != ""`,
	},
	{
		"a text of YAML 1.1's line breaks is plain",
		`return r != '\n' && r != '\t' && !unicode.IsPrint(r)`, `return r < ' ' && r != '\n' && r != '\t' && !unicode.IsPrint(r)`,
	},
	{
		"a role that is given twice is bound once",
		`if n > 1 { repeated = append(`, `if n > 2 { repeated = append(`,
	},
	{
		"Resources that are no object may be given twice",
		`if slices.Contains(sections, "Resources") {`, `if isWhole {`,
	},
	{
		"a function that is not known leaves a TemplateBody alone",
		`if isElsewhere || isUnknown(r.props.function) {`, `if isElsewhere {`,
	},
	{
		"a resource with the name of a section is a section",
		`case hasSection && !c.hasOpenResource(at, nil):`, `case hasSection:`,
	},
	{
		"a section that is given twice passes",
		`for _, section := range slices.Compact(again) {`, `for _, section := range again[:0] {`,
	},

	// YAML.
	{
		"the value behind an anchor is edited for each alias",
		`			if done[at] {`, `			if done[at] && at.op == EditString {`,
	},
	{
		"an edit of YAML is not read again",
		`return bytes.Equal(again.json, want) || sameJSON(again.json, want)`, `return again.json != nil || sameJSON(again.json, want)`,
	},
	{
		"of two merge keys that bring the same key the first counts",
		`case isBrought && first != i:`, `case isBrought && first > i:`,
	},
	{
		"a loop around a template replaces nothing in its Globals",
		`if isVarying(in.globals) ||`, `if false && isVarying(in.globals) ||`,
	},
	{
		"a loop around a template replaces nothing in its sections",
		`if len(v.around) > 0 && v.around.anyVariesWithin(section) {`,
		`if len(v.around) > 1000 && v.around.anyVariesWithin(section) {`,
	},
	{
		"a loop replaces no policy",
		`if p.arns == nil && c.mayBeReplaced(p) {`, `if false {`,
	},
	{
		"a key overrides no merge key",
		`case !known[m.name.Value]:`, `case m.name.Value != "":`,
	},
	{
		"copies that aliases make are not bounded",
		`case c.copies > maxCopies:`, `case c.copies > 30*maxCopies:`,
	},

	// Whose file may decide what.
	{
		"a project file of another user is obeyed",
		`uid != os.Geteuid() && uid != 0`, `uid < 0`,
	},
	{
		"a project file decides where a pipeline writes",
		"	if j.isConfirmed(environment) {\n", "	if j.isConfirmed(environment) || !p.canAsk() {\n",
	},
	{
		"a project's store leads out of its directory",
		`if err != nil || !isWithin(dir, real) {`, `if err != nil && !isWithin(dir, real) {`,
	},
	{
		"a file of something else is taken for a store",
		`d.DisallowUnknownFields() if err := d.Decode(&content); err != nil {`, `if err := d.Decode(&content); err != nil {`,
	},

	{
		"the account of a target is not checked",
		`if want != "" && caller.AccountID != want {`, `if want == "" && caller.AccountID == "" {`,
	},
	{
		"a confirmation is for more targets, too",
		`return len(a) == len(b) && !slices.ContainsFunc(a,`, `return len(a) <= len(b) && !slices.ContainsFunc(a,`,
	},
	{
		"what is added to an unconfirmed entry confirms it",
		`confirmed := added[0].confirmed && (!known || old.with(how).equals(how) || j.isConfirmed(environment))`, `confirmed := added[0].confirmed || !known`,
	},
	{
		"what replaces an unconfirmed entry as a whole does not confirm it",
		`(!known || old.with(how).equals(how) || j.isConfirmed`, `(!known || j.isConfirmed`,
	},

	// What comes from a file, and goes to one.
	{
		"a file store has an override with a policy of another account",
		`account == "" || account == key.Account {`, `account == "" || account != key.Account {`,
	},
	{
		"a change of a file is said to reach deployments",
		`if slices.ContainsFunc(changed, (*place).inAWS) {
		p.line("", "it takes`, `if len(changed) > 0 {
		p.line("", "it takes`,
	},
	{
		"Amplify's boundary of another account is imported",
		`if account != "" && account != caller.AccountID {`, `if account == caller.AccountID && account == "" {`,
	},
	{
		"Amplify's none means none",
		`if err == nil && value.IsNone() {`, `if err != nil && value.IsNone() {`,
	},
	{
		"an import that nobody confirmed is written",
		`if len(changing) == 0 || r.yes || r.dryRun {`, `if len(changing) == 0 || r.yes || r.dryRun || !r.canAsk() {`,
	},
	{
		"an import takes a boundary away without asking for the name",
		`isUpdate := func(at *place) bool { return at.plan == updated }`, `isUpdate := func(at *place) bool { return at.plan == removed }`,
	},
	{
		"an import overwrites what it has not compared",
		`return at.Update(ctx, key, value, at.record.Version)`,
		`now, _ := at.Get(ctx, key); return at.Update(ctx, key, value, now.Version)`,
	},
	{
		"a malformed value is exported",
		`return records, malformed(all)`, `return records, nil`,
	},
	{
		"an export replaces a store with its history",
		`return r.Version > 1 }) {`, `return r.Version > 100 }) {`,
	},

	// What is read of templates that are not CloudFormation's own YAML.

	// What is collected before it is judged.
	{
		"a loop replaces no policy",
		`last[id.hash] = max(at, int(id.start))`, `last[id.hash] = at`,
	},
	{
		"IgnoreGlobals may be given twice",
		`if r.props.twice || r.ignoresTwice {`, `if r.props.twice {`,
	},
	{
		"a type that is not a literal is not kept",
		`case r.typeKind == jsontext.KindBeginObject, r.typeKind == jsontext.KindBeginArray:
		return true
	}`, `}`,
	},
	{
		"a loop takes no RoleArn from a schedule",
		`if ok && (mayLoseRole || !in.isTrue(`, `if ok && (mayLoseRole && false || !in.isTrue(`,
	},
	{
		"a loop replaces no Transform of a StackSet's template",
		`.Name == macro && !mayBeReplaced {`, `.Name == macro && (!mayBeReplaced || true) {`,
	},
	{
		"an unknown function is harmless",
		`|| isUnknown(m.Name) || mayRemove(m.Value) {`, `|| mayRemove(m.Value) {`,
	},
	{
		"the site in Globals is not compared",
		`if v.global != nil { c.sites[v.global.into.Start] = *v.global }`, ``,
	},
	{
		"a finding in a StackSet is solved by the outer Transform",
		`f.Offset, f.Embedded = e.Start, true`, `f.Offset = e.Start`,
	},

	// What a boundary takes from the roles of templates and accounts.
	{
		"explain: a denial under a condition is certain",
		`if !conditional || n.Get("Effect").Text != "Deny" {`, `if !conditional || n.IsObject() {`,
	},
	{
		"explain: a policy with a Condition is certain",
		`eachAlternative(roles, resource.Conditional,`, `eachAlternative(roles, false,`,
	},
	{
		"explain: the second branch of Fn::If is dropped",
		`eachAlternative(argument.Elements[2], true, do)`, `_ = argument.Elements[2]`,
	},
	{
		"explain: the variable of a loop is a policy variable",
		`if !r.inLoop {`, `if !r.inLoop || text != "" {`,
	},
	{
		"explain: an element of Fn::Join that may be absent is there",
		`case name == "Fn::If":
			return policy.NotInSight`, `case name == "Fn::If" && len(parts) > 1000:
			return policy.NotInSight`,
	},
	{
		"explain: a dynamic reference is text",
		`return dynamicReference.ReplaceAllString(r.composed(n), policy.NotInSight)`, `_ = dynamicReference
	return r.composed(n)`,
	},
	{
		"explain: what is gained is lost",
		`{policy.Kept: accessGained, policy.MayBeLost: accessMayBeGained,`, `{policy.Kept: accessLost, policy.MayBeLost: accessMayBeGained,`,
	},
	{
		"explain: policies that are not in sight are not told",
		`		default:
			role.addNotInSight(p.name)`, `		default:`,
	},
	{
		"explain: an action that is lost in part is lost",
		`case grants == 1<<accessLost:`, `case grants.has(accessLost):`,
	},
	{
		"explain: a role has the actions of the one before",
		`t.actions[number] = tallied{}`, `_ = number`,
	},
	{
		"explain: what IAM does not track is not used",
		`case !tracked:`, `case !tracked && at.After(time.Now()):`,
	},
	{
		"explain: use of long ago counts",
		`at.After(u.since)`, `!at.IsZero()`,
	},
	{
		"explain: the last use is read of all roles",
		`if s := e.subjects[i]; s.explain(false).loses() {`, `if s := e.subjects[i]; s.arn != "" {`,
	},
	{
		"explain: the last use is read from the first page",
		`if !out.IsTruncated {
			return access, nil`, `if !out.IsTruncated || len(access.Services) > 0 {
			return access, nil`,
	},
	{
		"explain: an update is made without a question",
		`if explain && question == nil {`, `if explain && question != nil {`,
	},
	{
		"explain: an update is explained for roles with any boundary",
		`return role.boundary != arn`, `return role.boundary == ""`,
	},
	{
		"explain: each role has the boundary of the first",
		`if _, known := explainers[now.document]; !known {`, `if len(explainers) > 0 {
			for _, first := range explainers {
				explainers[now.document] = first
				break
			}
		} else {`,
	},
	{
		"explain: SAM's Globals do not count",
		`return mergedGlobal(globals, resource.Properties)`, `return resource.Properties`,
	},
	{
		"explain: SAM's IgnoreGlobals does not count",
		`if ignored.Text == "*" {
		return resource.Properties`, `if ignored.Text == "**" {
		return resource.Properties`,
	},
	{
		"explain: SAM makes no role where Role may be absent",
		`return isNoValue(argument.Elements[1]) || isNoValue(argument.Elements[2])`, `return false`,
	},
	{
		"explain: a policy template that SAM does not know grants nothing",
		`p.problem = "SAM " + sam.Embedded().Version + " has no such template"`, `return`,
	},
	{
		"explain: a policy template needs no values",
		`case missing >= 0:`, `case missing > 1000:`,
	},
	{
		"explain: a loop's variable is text in a policy template's value",
		`return textAt(at, reader.policyText(value))`, `_ = reader
				return textAt(at, documentReader{known: r.known}.text(value))`,
	},
	{
		"explain: tracing by a parameter is certain",
		`role.attachXRay(name == "Ref" || name == "Fn::Sub")`, `_ = name
		role.attachXRay(false)`,
	},
	{
		"explain: an event that SAM does not know adds nothing",
		`case poller == "" && !slices.Contains(pushEvents, typ):`, `case poller == "" && typ == "":`,
	},
	{
		"explain: what SAM makes of a schema registry is ignored",
		`return !isGiven(p.Get("SchemaRegistryConfig")) && (access`, `return (access`,
	},
	{
		"explain: what Fn::Transform adds to a property of SAM's is ignored",
		`if isTransformed(p.Get(name)) {`, `if isTransformed(p.Get(name)) && name == "" {`,
	},
	{
		"explain: a connector's policy is always of the source",
		`role = destination.role`, `role = source.role`,
	},
	{
		"explain: a role that is named like SAM's is taken for it",
		`if own := of.Properties.Get(property); isGiven(own) {`, `if own := of.Properties.Get(property); isGiven(own) && r.roles[referredTo(own)] != nil {`,
	},
	{
		"explain: targets that are not in sight are the same",
		`isWhole(target.arn) && reader.policyText(arn) == target.arn {`, `reader.policyText(arn) == target.arn {`,
	},
	// Audits.
	{
		"an audit calls any boundary live",
		`case role.Boundary == e.arn:`, `case role.Boundary == e.arn, role.Boundary != "":`,
	},
	{
		"an audit takes drift for a lag",
		`binding := bound[at.logicalID]`, `binding := min(bound[at.logicalID]*Different, Different)`,
	},
	{
		"an audit takes a truncated list of roles for all",
		`if err == nil && out.IsTruncated && aws.ToString(out.Marker) == "" {`, `if aws.ToString(out.Marker) == "" {
			out.IsTruncated = false
		}
		if err == nil && out.IsTruncated && aws.ToString(out.Marker) == "" {`,
	},
	{
		"an audit of some Regions says outside",
		`case a.enabled == nil, slices.ContainsFunc(a.enabled, isUnread):`, `case a.enabled == nil, slices.ContainsFunc(a.enabled[:0], isUnread):`,
	},
	{
		"an audit does not read stacks again that have changed",
		`r.Changed.Equal(s.Changed) && `, ``,
	},
	{
		"an audit reuses what other settings have read",
		` && r.Fingerprint == fingerprint`, ``,
	},
	{
		"an audit takes a hidden parameter for unset",
		`v.awaited = append(v.awaited, p.Name)
		case found:`, `case found:`,
	},
	{
		"the sessions of an audit may write",
		`o.Policy = aws.String(role.Session.Policy)`, `_ = SessionPolicy`,
	},
	{
		"an audit does not know overrides",
		`if r.Key.Account == target.AccountID || !r.Key.IsOverride() && !known {`, `if !r.Key.IsOverride() && !known {`,
	},
	{
		"an audit reads accounts that are suspended",
		`if a.State == types.AccountStateActive || a.State == "" && a.Status == types.AccountStatusActive {`, `if a.State == types.AccountStateActive || a.State != "" || a.Status == types.AccountStatusActive {`,
	},
	{
		"a Region that failed counts as read",
		`if r.err() == nil {`, `if r.region != "" {`,
	},
	{
		"an audit says that a stack lags while it is deployed",
		`case at.stack.isChanging():`, `case at.stack.isChanging() && role.Boundary == role.ARN:`,
	},
	{
		"roles that are gone are outside",
		`if r, exists := present[r.arn]; exists {`, `if now, exists := present[r.arn]; exists || now.arn == "" {`,
	},
	{
		"an audit that could not read an account succeeds",
		`case len(unread) > 0:`, `case len(unread) > len(report.Accounts):`,
	},
	{
		"an audit keeps what it read of a stack that is being deployed",
		`if !s.isChanging() {`, `if s.ID != "" {`,
	},
	{
		"an audit does not read roles again that a deployment may have changed",
		`return a.judge(ctx, asReadAgain(roles, again), where)`, `return a.judge(ctx, asReadAgain(roles, append(again[:0:0], roles...)), where)`,
	},
	{
		"an audit trusts a stack whose deployment failed",
		`case at.stack.hasFailed():`, `case at.stack.hasFailed() && e.arn == "":`,
	},
	{
		"an audit asks one of two stacks that have a role",
		`case len(places) > 1:`, `case len(places) > 2:`,
	},
	{
		"an audit of an environment hides what it could not judge",
		`r.Status == fleet.Unknown && r.Stack != ""
}`, `r.Status == fleet.Unknown && r.Stack != "" && false
}`,
	},
	{
		"a template that cannot be read does not count",
		`record.isUnread = true
			return record, err`, `record.isUnread = true
			return record, nil`,
	},

	// What a boundary takes from a role's policies.
	{
		"explain: a denial of the boundary is dropped",
		`if s.Effect == Deny && m.certainty == all {`, `if s.Effect == Deny && m.certainty == all && false {`,
	},
	{
		"explain: a denial that may match is dropped",
		`if s.Effect != Allow && m.certainty > deny.certainty`, `if s.Effect != Allow && s.Effect != Deny && m.certainty > deny.certainty`,
	},
	{
		"explain: what may be allowed is kept",
		`case allow.certainty == possible:`, `case allow.certainty == possible && deny.certainty == possible:`,
	},
	{
		"explain: may and must are swapped",
		`case t.isWithin(p): return match{certainty: all}`, `case t.overlaps(p): return match{certainty: all}`,
	},
	{
		"explain: what is within a part of the resources is within all",
		`return t.format != nil && t.relations.covers(p, *t.format) || t.relations.covers(p, t.named)`,
		`return t.format != nil && t.relations.covers(p, *t.format) || t.relations.covers(p, t.named) || covers(t.named, p)`,
	},
	{
		"explain: resources are in any case",
		`p := resources.pattern(text)`, `p := resources.pattern(strings.ToLower(text))`,
	},
	{
		"explain: actions are in one case",
		`syntax{wildcards: true}.pattern(strings.ToLower(text))`, `syntax{wildcards: true}.pattern(text)`,
	},
	{
		"explain: NotAction and NotResource are taken for Action and Resource",
		`if except && m.certainty != possible {`, `if except && m.certainty == possible {`,
	},
	{
		"explain: a condition with fewer values is implied",
		`return (c.ifExists || !r.ifExists) && r.within(r.values, c.values, r.wildcards, c.wildcards)`,
		`return (c.ifExists || !r.ifExists) && r.within(c.values, r.values, c.wildcards, r.wildcards)`,
	},
	{
		"explain: a condition on another key is implied",
		`if r.key == "" || r.key != c.key || r.kind != c.kind || r.set != c.set {`, `if r.key == "" || r.kind != c.kind || r.set != c.set {`,
	},
	{
		"explain: IfExists implies the operator without it",
		`return (c.ifExists || !r.ifExists) && r.within(r.values`, `return r.within(r.values`,
	},
	{
		"explain: a negated operator implies its opposite",
		`case r.negated: return false
	case c.negated: return r.set`, `case r.negated: return true
	case c.negated: return r.set`,
	},
	{
		"explain: conditions that hold without the key exclude each other",
		`return !r.ifExists && r.within(r.values, c.values, r.wildcards, c.wildcards)`, `return r.within(r.values, c.values, r.wildcards, c.wildcards)`,
	},
	{
		"explain: sets of values exclude each other",
		`r.kind != c.kind || r.set != "" || c.set != "" {`, `r.kind != c.kind {`,
	},
	{
		"explain: a variable is text",
		`if !found || !s.variables && !pseudo {`, `if !found || !pseudo {`,
	},
	{
		"explain: text of 2008 is a variable",
		`if !found || !s.variables && !pseudo {`, `if !found || false && pseudo {`,
	},
	{
		"explain: a literal ${AWS::AccountId} is a pseudo parameter",
		`if pseudo {
		name = pseudoSign + name`, `if pseudo = pseudo || strings.HasPrefix(name, "AWS::"); pseudo {
		name = pseudoSign + name`,
	},
	{
		"explain: a literal ${AWS::AccountId} always has a value",
		`!strings.HasPrefix(name, pseudoSign) && !strings.Contains(name, ",")`, `!strings.Contains(name, "AWS::") && !strings.Contains(name, ",")`,
	},
	{
		"explain: a pseudo parameter is a literal",
		`return policy.Pseudo(name)`, `return policy.Spelled(policy.Pseudo(name))`,
	},
	{
		"explain: ${!AWS::AccountId} is a pseudo parameter",
		`out.WriteString("${" + literal + "}")`, `out.WriteString(policy.Pseudo(literal))`,
	},
	{
		"explain: the value of a Boolean key has one case",
		`is("bool", strings.ToLower(keys[key]))`, `is("bool", keys[key])`,
	},
	{
		"explain: transforms, phone numbers and log groups without a name are no resources",
		`slices.Concat(a.Resources, unlistedFormats[lower])`, `slices.Concat(a.Resources, unlistedFormats[a.Name])`,
	},
	{
		"explain: a statement whose resources are of none of its actions grants nothing",
		`s.eachText(add)`, `_ = add`,
	},
	{
		"explain: two variables are the same",
		`q.variables[firstVariable-t] == p.variables[firstVariable-s]`, `len(q.variables) == len(p.variables)`,
	},
	{
		"explain: a variable always has a value",
		`case !slices.Contains(given, name): m = match{possible, ReasonVariable}`, `case !slices.Contains(given, name):`,
	},
	{
		"explain: what is not in sight is *",
		`p.loose, p.notInSight = true, true
		case s.wildcards && r == '*':`, `p.notInSight = true
		case s.wildcards && r == '*':`,
	},
	{
		"explain: what is not in sight is text",
		`case text[:size] == NotInSight: p.symbols = append(p.symbols, anyString)`, `case text[:size] == NotInSight: p.symbols = append(p.symbols, symbol('x'))`,
	},
	{
		"explain: an Effect that is not in sight is Allow",
		`m = m.and(match{possible, ReasonNotInSight})`, `m = m.and(match{all, ReasonNotInSight})`,
	},
	{
		"explain: a * in a segment matches colons for sure",
		`case anyInSegment: return other.isLiteral() && other != ':' ||`, `case anyInSegment: return other.isLiteral() ||`,
	},
	{
		"explain: an incomplete ARN is complete for sure",
		`p.symbols, p.loose = append(p.symbols, anyString), true`, `p.symbols = append(p.symbols, anyString)`,
	},
	{
		"explain: an action with resources is only about these",
		`if a.WithoutResource {`, `if a.WithoutResource && len(a.Resources) == 0 {`,
	},
	{
		"explain: a verdict that rests on the catalogue does not say so",
		`whole.ByCatalogue = true`, `whole.ByCatalogue = len(g.formats) == 0`,
	},
	{
		"explain: a * for the partition reaches beyond it",
		`if s.isStar() && !p.loose {`, `if s.isStar() && p.loose {`,
	},
	{
		"explain: one ARN format speaks for all of an action",
		`case i > 0 && outcome.Verdict != whole.Verdict:`, `case i > 0 && outcome.Verdict == Kept && whole.Verdict == Lost:`,
	},
	{
		"explain: what the role denies in part is not granted",
		`return c.match(s, g, format).certainty == all })`, `return c.match(s, g, format).certainty != none })`,
	},
	{
		"explain: the role denies what another statement is about",
		`return t.overlaps(p) && s.resources.match(target{p, t.format, t.relations}).certainty != all`, `return t.overlaps(p) && s.resources.match(target{p, t.format, t.relations}).certainty == none`,
	},
	{
		"explain: the role denies on a condition what the boundary denies always",
		`if !implied(s.conditions, other.given) ||`, `if len(s.conditions) == 0 && !implied(s.conditions, other.given) ||`,
	},
	{
		"explain: a denial of the role that may be about an action is",
		`if c.matchAction(denial, g).certainty == all {`, `if c.matchAction(denial, g).certainty != none {`,
	},
	{
		"explain: what is remembered with a role's denials is of every role",
		`return c.outcomes(g), false`, `copy(of.outcomes, c.outcomes(g))
		return of.outcomes, false`,
	},
	{
		"explain: a denial of the role does not make its outcomes more certain",
		`return o.Verdict == MayBeLost || o.ByCatalogue`, `return o.ByCatalogue`,
	},
	{
		"explain: what denials take of one resource they take of each",
		`key := taken{denial.id, resource{s.id, g.id, g.text, format}}`, `key := taken{denial.id, resource{s.id, g.id, 0, format}}`,
	},
	{
		"explain: statements with other conditions are the same",
		`s.Resources.Except, s.Resources.Texts, s.Conditions)`, `s.Resources.Except, s.Resources.Texts, len(s.Conditions))`,
	},
	{
		"explain: a version of the policy language is the other",
		`"%t %d %t %q %t %q %q", variables,`, `"%t %d %t %q %t %q %q", true || variables,`,
	},
	{
		"explain: what is remembered has no limit",
		`> c.limit {`, `> c.limit && c.ids < 0 {`,
	},
	{
		"explain: a * is passed without what it may take",
		`at.reach(j + 1)
				if t.mayTake(s) {`, `at.reach(j + 1)
				if t.mayTake(s) && j > 0 {`,
	},
	{
		"explain: without a version variables are variables",
		`d := &Document{}
	switch version`, `d := &Document{variables: true}
	switch version`,
	},
	// What a push executes, and what it leaves behind.
	{
		"the gate lets another value through",
		`return sets && aws.ToString(t.AfterValue) == g.arn`, `return sets`,
	},
	{
		"the gate lets other properties of a role through",
		`if !g.isReference(d) && !g.isBoundary(d, c.hasValues) {`, `if !g.isReference(d) && setsBoundary(d) && !g.isBoundary(d, c.hasValues) {`,
	},
	{
		"the gate lets a replaced role through",
		`if c.ResourceChange.Replacement != types.ReplacementFalse || !c.hasValues && !g.bound[id] {`, `if !c.hasValues && !g.bound[id] {`,
	},
	{
		"the gate wants no value of a role",
		`if c.ResourceChange.Replacement != types.ReplacementFalse || !c.hasValues && !g.bound[id] {`, `if c.ResourceChange.Replacement != types.ReplacementFalse {`,
	},
	{
		"the gate lets an added role through",
		`r == nil || r.Action != types.ChangeActionModify ||`, `r == nil || r.Action == types.ChangeActionRemove ||`,
	},
	{
		"the gate lets static references through",
		`if d.Evaluation != types.EvaluationTypeDynamic || d.Target == nil`, `if d.Target == nil`,
	},
	{
		"the gate lets references to any attribute through",
		`slices.Contains([]string{"Arn", "RoleId"}, attribute)`, `attribute != ""`,
	},
	{
		"the gate lets references to any resource through",
		`return attribute == "" && (g.bound[id] || g.unchanged[id])`, `return attribute == ""`,
	},
	{
		"the gate lets a replaced resource through that refers to a role",
		`case r.Replacement != types.ReplacementFalse && r.Replacement != types.ReplacementConditional,`, `case r.Replacement == "",`,
	},
	{
		"the gate lets a nested stack through without its change set",
		`|| aws.ToString(r.ChangeSetId) == "" {`, `{`,
	},
	{
		"the gate lets a nested stack's parameters through",
		`isAutomatic := d.ChangeSource == types.ChangeSourceAutomatic && d.Evaluation == types.EvaluationTypeDynamic`, `isAutomatic := d.Evaluation == types.EvaluationTypeDynamic`,
	},
	{
		"the gate lets references with other values through",
		`|| !staysOrIsUnknown(d.Target) {`, `|| false && staysOrIsUnknown(d.Target) {`,
	},
	{
		"a push changes roles that it has not planned",
		`if slices.Contains(bound, id) && !d.isPlanned(aws.ToString(set.StackName), id) {`, `if !slices.Contains(bound, id) && !d.isPlanned(aws.ToString(set.StackName), id) {`,
	},
	{
		"values that are read anew are not seen",
		`!fixedReference.MatchString(reference) && !slices.Contains(read, text)`, `fixedReference.MatchString(reference) && !slices.Contains(read, text)`,
	},
	{
		"change sets of nested stacks are not judged",
		`for _, nested := range verdict.Nested {`, `for _, nested := range verdict.Nested[:0] {`,
	},
	{
		"only changes with values are judged",
		`verdict := Judge(listed, valued, d.Boundary)`, `verdict := Judge(listed[:0], valued, d.Boundary)`,
	},
	{
		"templates are not compared before a change set is executed",
		`others = append(append(others, withoutKnown(apart, len(others) > 0)...), read...)`, `_, others = apart, append(others, read...)`,
	},
	{
		"a value that has moved in Parameter Store is not seen",
		`known && p.ResolvedValue != nil && was != *p.ResolvedValue`, `known && p.ResolvedValue == nil && was != ""`,
	},
	{
		"the previous template is deployed",
		`in.TemplateBody = &of.body`, `in.UsePreviousTemplate = aws.Bool(true)`,
	},
	{
		"a push changes values of parameters",
		`UsePreviousValue: aws.Bool(true)})`, `ParameterValue: aws.String("dev")})`,
	},
	{
		"a push removes tags",
		`Capabilities: t.Capabilities, Tags: t.Tags,`, `Capabilities: t.Capabilities,`,
	},
	{
		"a held change set is left behind",
		`deleted := d.delete(ctx)`, `deleted := error(nil)`,
	},
	{
		"a push deletes change sets that came meanwhile",
		`case foreign != nil:`, `case foreign != nil && done:`,
	},
	{
		"a run goes on after a failure",
		`return x.failures > x.Failures || x.err != nil || x.moved != nil`, `return x.err != nil || x.moved != nil`,
	},
	{
		"a wave has all stacks",
		`return i + 1, before + size - deployed`, `return i + 1, all`,
	},
	{
		"an interrupted run executes what it has created",
		`case x.isStopped():
		return false, x.drop(ctx, d, "", nil)
	}
	if err := x.note(entry)`, `}
	if err := x.note(entry)`,
	},
	{
		"a stack is live without its roles being read",
		`isLive := len(s.behind(boundaries)) == 0`, `isLive := len(s.behind(nil)) == 0`,
	},
	{
		"a run that is resumed executes what was planned with another boundary",
		`if err != nil || now == s.Boundary {
		return false, err`, `if err != nil || now != "" {
		return false, err`,
	},
	{
		"a run whose boundary has changed leaves change sets behind",
		`return x.drop(ctx, d, WasHeld, held(BoundaryChanged))`, `x.finish(d.Stack, WasHeld, held(BoundaryChanged), "")
			return nil`,
	},
	{
		"two pushes of an environment are under way at once",
		`release, err := lock(ctx, path, "another push of "+environment+" is under way")`, `release, err := lock(ctx, path+NewID(time.Now(), uint32(os.Getpid())), "")`,
	},
	{
		"roles are read once",
		`if try == rolesTries || len(stacks) == 0 {`, `if try > 0 {`,
	},
	{
		"a push is begun beside an unfinished one",
		`if unfinished != nil && !p.canAsk() {`, `if unfinished != nil && dir == "" {`,
	},
	{
		"a run that is resumed begins with more stacks without a question",
		`if len(ahead) > 0 && !moved {`, `if len(ahead) > 0 && moved {`,
	},
	{
		"a rollback that failed counts as one that did not",
		`if described.StackStatus == types.StackStatusUpdateRollbackFailed {`, `if described.StackStatus == types.StackStatusRollbackFailed {`,
	},
	{
		"a journal goes on behind a line that is there in part",
		`if j.broken == nil {
		_, j.broken = j.file.Write(text)
	}`, `_, j.broken = j.file.Write(text)`,
	},
	{
		"a run ends while a stack is under way",
		`case x.isOver:
			size = begun`, `case x.isOver && begun < 0:
			size = begun`,
	},
	{
		"the deployment of others is taken for that of the run",
		`hasBegun && aws.ToString(described.ChangeSetId) == noted.ChangeSet:`, `hasBegun:`,
	},
	{
		"a change set whose execution is refused stays",
		`return err == nil && set.ExecutionStatus == types.ExecutionStatusAvailable`, `return err != nil && set.ExecutionStatus == types.ExecutionStatusAvailable`,
	},
	{
		"the journal is not put on the disk",
		`j.broken = syncFile(j.file)`, `_ = syncFile`,
	},
	{
		"a change set is executed without a note",
		`if err := x.note(entry); err != nil {
		return false, err
	}
	return x.execute`, `return x.execute`,
	},
	{
		"a malformed journal is continued",
		`if err := j.read(number, content); err != nil {`, `if err := j.read(number, content); err != nil && number == 1 {`,
	},
	{
		"a run that is resumed deploys again what it has executed",
		`, set.ExecutionStatus), set.Status == "" && hasBegun && aws.ToString`, `, set.ExecutionStatus) && hasBegun && set.Status == "" && aws.ToString`,
	},
	{
		"a rollback counts as a deployment",
		`case isOver && described.StackStatus == types.StackStatusUpdateComplete:`, `case isOver:`,
	},
	{
		"a template is left in the bucket",
		`return x.Bucket(d.Account, d.Region).delete(ctx, last.Object)`, `return nil`,
	},
	{
		"the boundary is not read again before a change set is executed",
		`moved, err := x.movedFrom(ctx, d.Stack) switch {`, `moved := false
	switch {`,
	},
	{
		"a run that is resumed takes an account without credentials for another one",
		`if i < 0 { // it may be one that cannot be reached`, `if i < -1 {`,
	},
	{
		"a template goes into a bucket of another account",
		`Body: bytes.NewReader([]byte(body)), ExpectedBucketOwner: &b.Account,`, `Body: bytes.NewReader([]byte(body)),`,
	},
	{
		"all attempts of a stack have one token",
		`d.run, d.ID, call, d.attempt))`, `d.run, d.ID, call, 0))`,
	},
	{
		"obsolete change sets of others hold a stack",
		`types.ExecutionStatusExecuteFailed, types.ExecutionStatusObsolete, }, c.ExecutionStatus)`, `types.ExecutionStatusExecuteFailed}, c.ExecutionStatus)`,
	},
	{
		"long answers of AWS are cut off",
		`if body, canRewind := request.GetStream().(io.ReadSeeker); canRewind {`, `if body, canRewind := request.GetStream().(io.ReadSeeker); canRewind && body == nil {`,
	},
	{
		"instances of StackSets are deployed",
		`case stackSetInstance.MatchString(name):
		return held(StackSetInstance)`, `case false:
		return held(StackSetInstance)`,
	},
	{
		"a plan has sessions that may write",
		`o.scope.role.Session = push.PlanSession`, `o.scope.role.Session = push.RunSession`,
	},
	{
		"guard: anyone may create roles without a boundary",
		`"iam:AttachUserPolicy", "iam:CreateRole",`, `"iam:AttachUserPolicy",`,
	},
	{
		"guard: anyone may create users without a boundary",
		`"iam:CreateRole", "iam:CreateUser",`, `"iam:CreateRole",`,
	},
	{
		"guard: anyone may replace the boundary of a user",
		`"iam:PutUserPermissionsBoundary", "iam:PutUserPolicy",`, `"iam:PutUserPolicy",`,
	},
	{
		"guard: anyone may change the trust of unbound roles",
		`"iam:PutUserPolicy", "iam:UpdateAssumeRolePolicy",`, `"iam:PutUserPolicy",`,
	},
	{
		"guard: boundaries are compared as text",
		`Condition: Condition{"ArnNotLike": {boundaryKey: boundaries}},`, `Condition: Condition{"StringNotLike": {boundaryKey: boundaries}},`,
	},
	{
		"guard: a role without a boundary is bound",
		`Condition: Condition{"ArnNotLike": {boundaryKey: boundaries}},`, `Condition: Condition{"ArnNotLike": {boundaryKey: boundaries}, "Null": {boundaryKey: {"false"}}},`,
	},
	{
		"guard: anyone may remove the boundary of a user",
		`"iam:DeleteRolePermissionsBoundary", "iam:DeleteUserPermissionsBoundary"`, `"iam:DeleteRolePermissionsBoundary"`,
	},
	{
		"guard: users get policies from groups",
		`"iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:PutGroupPolicy"`, `"iam:AttachGroupPolicy", "iam:PutGroupPolicy"`,
	},
	{
		"guard: boundary policies are not protected",
		`slices.Concat(protected, s.installation(), s.exemptEntities(), outside)`, `slices.Concat(protected[:0], s.installation(), s.exemptEntities(), outside)`,
	},
	{
		"guard: the installation is not protected",
		`slices.Concat(protected, s.installation(), s.exemptEntities(), outside)`, `slices.Concat(protected, s.exemptEntities(), outside)`,
	},
	{
		"guard: exempt roles are not protected",
		`slices.Concat(protected, s.installation(), s.exemptEntities(), outside)`, `slices.Concat(protected, s.installation(), outside)`,
	},
	{
		"guard: SCPs and the provider of Identity Center are not protected",
		`slices.Concat(protected, s.installation(), s.exemptEntities(), outside)`, `slices.Concat(protected, s.installation(), s.exemptEntities())`,
	},
	{
		"guard: anyone may leave the organization",
		`"organizations:DisablePolicyType", "organizations:LeaveOrganization"`, `"organizations:DisablePolicyType"`,
	},
	{
		"guard: the root user is a resource",
		`strings.HasSuffix(arn, ":root")`, `strings.HasSuffix(arn, ":role")`,
	},
	{
		"guard: stacks whose names begin alike are protected",
		`"arn:*:cloudformation:*:*:stack/" + s.Stack + "-*",`, `"arn:*:cloudformation:*:*:stack/" + s.Stack + "*",`,
	},
	{
		"guard: any number of roles is excluded from the hook",
		`if len(roles) > maxHookRoles {`, `if len(roles) > 10*maxHookRoles {`,
	},
	{
		"guard: the values are not protected",
		`"arn:*:ssm:*:*:parameter" + s.Prefix + "/*",`, ``,
	},
	{
		"guard: the values below the default prefix are protected",
		`"arn:*:ssm:*:*:parameter" + s.Prefix + "/*",`, `"arn:*:ssm:*:*:parameter/permissions-boundary/*",`,
	},
	{
		"guard: the stacks of spokes are not protected",
		`"arn:*:cloudformation:*:*:stack/StackSet-" + s.Stack + "-*",`, ``,
	},
	{
		"guard: changing what is protected is harmless",
		`"iam:List*", "iam:Simulate*", "lambda:Get*",`, `"iam:*", "lambda:Get*",`,
	},
	{
		"guard: nobody is exempt",
		`denials[i] = denials[i].except(exempt)`, `denials[i] = denials[i].except(exempt[:1])`,
	},
	{
		"guard: the exemption replaces the condition",
		`operator[key] = values`, `_, _ = key, values`,
	},
	{
		"guard: Control Tower and StackSets are not exempt",
		`all := slices.Concat(AWSPrincipals, s.Exempt)`, `all := slices.Clone(s.Exempt)`,
	},
	{
		"guard: deployers may change their own policy",
		`protected := append(s.protectedPolicies(boundaries), "arn:*:iam::*:policy/"+name+"-*")`, `protected := s.protectedPolicies(boundaries)`,
	},
	{
		"guard: deployers may detach their policy",
		`return pack(name, maxManagedPolicy, maxManagedPolicy, append(statements, s.permissions(boundaries)...))`, `return pack(name, maxManagedPolicy, maxManagedPolicy, append(statements[:4], s.permissions(boundaries)...))`,
	},
	{
		"guard: deployers may call any version of the function",
		`":function:" + s.Stack + "-*:live"`, `":function:" + s.Stack + "-*"`,
	},
	{
		"guard: the function is in the account of the roles",
		`cmp.Or(s.FunctionAccount, "*")`, `cmp.Or(s.Account, "*")`,
	},
	{
		"guard: boundaries of other accounts count",
		`if s.Account != "" && only != "" && only != s.Account {`, `if s.Account != "" && only != "" && only == s.Account {`,
	},
	{
		"guard: an override counts in all accounts",
		`AccountID: cmp.Or(s.Account, v.Account, "*"),`, `AccountID: cmp.Or(s.Account, "*"),`,
	},
	{
		"guard: only the boundaries are protected, not their paths",
		`arn = arn[:end] + "*"`, `arn = arn[:end] + arn[end:]`,
	},
	{
		"guard: policies of other environments are not protected",
		`values.others = append(values.others, guard.Value{Value: value, Account: r.Key.Account})`, ``,
	},
	{
		"guard: a boundary without a path protects all policies",
		`!strings.HasSuffix(arn[:end], ":policy/")`, `end > 0`,
	},
	{
		"guard: everyone can be exempt",
		`strings.ContainsRune("*?/", rune(name[0]))`, `strings.Trim(name, "*?/") == ""`,
	},
	{
		"guard: the name of the stack is shortened",
		`case len(text) > maxStack:`, `case len(text) > 2*maxStack:`,
	},
	{
		"guard: a policy is as long as its statements",
		`if (Policy{Document: whole}).Size() < size {`, `if (Policy{Document: whole}).Size() < 2*size {`,
	},
	{
		"guard: a statement is as long as its resources",
		`if alone.Size() >= size && len(next.Resource) > 1 {`, `if alone.Size() >= 4*size && len(next.Resource) > 1 {`,
	},
	{
		"guard: a statement has any length",
		`if alone.Size() >= limit {`, `if alone.Size() >= 10*limit {`,
	},
	{
		"guard: the name of any policy is that of a boundary",
		`hasRegion && (before == "" || strings.Contains(after, "/"))`, `hasRegion && before == "" && after == ""`,
	},
	{
		"guard: an empty list passes the rule of hooks",
		`ResourceProperties.PermissionsBoundary is_string`, `ResourceProperties.PermissionsBoundary exists`,
	},
	{
		"guard: an empty list passes the rule of templates",
		"Properties.PermissionsBoundary is_string or", "Properties.PermissionsBoundary exists or",
	},
	{
		"guard: a divided statement loses a resource",
		`s.Sid+"2", s.Resource[middle:]`, `s.Sid+"2", s.Resource[middle+1:]`,
	},
	{
		"guard: equal scopes give different documents",
		`slices.Sort(all) return slices.Compact(all), nil`, `return slices.Compact(all), nil`,
	},
	{
		"guard: a boundary with a longer name passes the rule",
		`+ "$/"`, `+ "/"`,
	},
	{
		"guard: wildcards of the rule match colons",
		"`\\*`, `[^:]*`", "`\\*`, `.*`",
	},
	{
		"guard: AWS Config reports service-linked roles",
		`listed(append(s.exempt(), serviceLinkedRoles), expression)`, `listed(s.exempt(), expression)`,
	},
	{
		"guard: an Fn::Sub of another account is none",
		`Portable: listed(s.portable(), quote),`, `Portable: listed(s.portable()[:0], quote),`,
	},
	{
		"guard: exempt users are service roles of stacks",
		`return strings.Contains(arn, ":role/")`, `return strings.Contains(arn, ":iam:")`,
	},
	{
		"guard: the rule of AWS Config has any length",
		`if len(rule) > maxConfigRule {`, `if len(rule) > 10*maxConfigRule {`,
	},
	{
		"guard: documents that lack statements compare as equal",
		`d.statements = append(d.statements, elements(members["Statement"])...)`, `d.statements = append(d.statements[:0], elements(members["Statement"])...)`,
	},
	{
		"guard: what is no policy compares as nothing",
		`if members["Statement"] == nil {`, `if document == nil {`,
	},
	{
		"guard: statements that allow less are merged",
		`known[key]["Resource"] = sorted(resources)`, `known[key]["Resource"] = resources[:1]`,
	},
	{
		"guard: members that are there twice replace each other",
		`d := jsontext.NewDecoder(bytes.NewReader(text))`, `d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))`,
	},
	{
		"guard: the order of lists differs",
		`value[name] = sorted(elements(member))`, `value[name] = elements(member)`,
	},
	{
		"guard: what is installed always matches",
		`if bytes.Equal(installed, wanted) {`, `if len(installed) > 0 || bytes.Equal(installed, wanted) {`,
	},
	{
		"guard: an environment that is none is written",
		`case o.environment != "": return values, boundary.Problem{What: r.Key.Describe()`, `case false: return values, boundary.Problem{What: r.Key.Describe()`,
	},
	{
		"guard: an override and the own value take effect together",
		`return !slices.ContainsFunc(records, func(r boundary.Record) bool { return r.Key == override })`, `return override.Account != ""`,
	},
	{
		"guard: overrides of other accounts take effect",
		`return key.Account == account`, `return account != ""`,
	},
	{
		"guard: the function is in the first account",
		`if slices.ContainsFunc(places, func(at *place) bool { return at.account() != account }) { return "" }`, ``,
	},
	{
		"guard: a file that something else wrote is overwritten",
		`if is, err := d.wrote(present, texts); !is {`, `if is, err := d.wrote(present, texts); !is && err != nil {`,
	},
	{
		"guard: parts of an earlier run stay silently",
		`if d.policies != nil { p.tellLeft(d, out, paths, texts) }`, ``,
	},
	{
		"guard: nothing is what is installed",
		`if len(bytes.TrimSpace(text)) == 0 {`, `if len(text) > 0 && len(bytes.TrimSpace(text)) == 0 {`,
	},
	{
		"guard: --also is ignored",
		`s.Values = append(s.Values, guard.Value{Value: value})`, `_ = value`,
	},
}
