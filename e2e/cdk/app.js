// A stack of the CDK whose constructs bring roles of their own along, which
// aspects of the CDK are known to miss: handlers of custom resources, of bucket
// notifications, of log retention.
const cdk = require('aws-cdk-lib');
const iam = require('aws-cdk-lib/aws-iam');
const lambda = require('aws-cdk-lib/aws-lambda');
const logs = require('aws-cdk-lib/aws-logs');
const s3 = require('aws-cdk-lib/aws-s3');
const notifications = require('aws-cdk-lib/aws-s3-notifications');
const custom = require('aws-cdk-lib/custom-resources');

class Website extends cdk.Stack {
  constructor(scope, id) {
    super(scope, id, { synthesizer: new cdk.DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) });
    this.addTransform('PermissionsBoundaryMacro');
    this.templateOptions.metadata = { PermissionsBoundaryMacro: { Environment: 'dev' } };

    const site = new s3.Bucket(this, 'Site', { autoDeleteObjects: true, removalPolicy: cdk.RemovalPolicy.DESTROY });
    const resize = new lambda.Function(this, 'Resize', {
      runtime: lambda.Runtime.NODEJS_22_X,
      handler: 'index.handler',
      code: lambda.Code.fromInline('exports.handler = async () => {}'),
      logRetention: logs.RetentionDays.ONE_WEEK,
    });
    site.addEventNotification(s3.EventType.OBJECT_CREATED, new notifications.LambdaDestination(resize));
    new custom.AwsCustomResource(this, 'Warm', {
      onCreate: {
        service: 'S3',
        action: 'listBuckets',
        physicalResourceId: custom.PhysicalResourceId.of('warm'),
      },
      policy: custom.AwsCustomResourcePolicy.fromSdkCalls({ resources: custom.AwsCustomResourcePolicy.ANY_RESOURCE }),
    });
    new iam.Role(this, 'Publisher', { assumedBy: new iam.ServicePrincipal('codebuild.amazonaws.com') });
  }
}

new Website(new cdk.App(), 'Website');
