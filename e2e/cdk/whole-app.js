// An app in which an aspect adds the macro. An aspect of the app does not reach
// the stacks of a stage: Prod has an aspect of its own, Forgotten has none.
const cdk = require('aws-cdk-lib');
const iam = require('aws-cdk-lib/aws-iam');
const s3 = require('aws-cdk-lib/aws-s3');
const { bind } = require('./macro');

const role = (scope, id, description) =>
  new iam.Role(scope, id, { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'), description });

class Orders extends cdk.Stack {
  constructor(scope, id) {
    super(scope, id);
    new s3.Bucket(this, 'Incoming', { autoDeleteObjects: true, removalPolicy: cdk.RemovalPolicy.DESTROY });
    const workers = new cdk.NestedStack(this, 'Workers');
    role(workers, 'Worker');
    new s3.Bucket(workers, 'Scratch', { autoDeleteObjects: true, removalPolicy: cdk.RemovalPolicy.DESTROY });
  }
}

const app = new cdk.App({
  defaultStackSynthesizer: new cdk.DefaultStackSynthesizer({ generateBootstrapVersionRule: false }),
});
new Orders(app, 'Orders');

// References between Regions add roles after aspects have run, so the CDK's own
// property misses them.
const inRegion = (region) => ({
  env: { account: '123456789012', region },
  crossRegionReferences: true,
  permissionsBoundary: cdk.PermissionsBoundary.fromName('own-boundary'),
});
const certificates = new cdk.Stack(app, 'Certificates', inRegion('us-east-1'));
const site = new cdk.Stack(app, 'Site', inRegion('eu-west-1'));
role(site, 'Publisher', new s3.Bucket(certificates, 'Exported').bucketName);

bind(app, 'dev');

const prod = new cdk.Stage(app, 'Prod');
new Orders(prod, 'Orders');
bind(prod, 'prod');

role(new cdk.Stack(new cdk.Stage(app, 'Forgotten'), 'Jobs'), 'Job');
