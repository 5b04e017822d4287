// Package ec2 has toy instances: things with tags and a state that one starts and, with the right MFA, terminates (Amazon
// EC2 API Reference of 2016-11-15, query protocol). Nothing runs in them. Their states follow the lab's clock.
//
//	RunInstances ─▶ pending ─▶ running ─ TerminateInstances ─▶ shutting-down ─▶ terminated ─▶ forgotten
//
// Who may do what the account's policies say: resources are arn:aws:ec2:REGION:ACCOUNT:instance/ID, with the keys
// aws:ResourceTag/..., ec2:ResourceTag/..., aws:RequestTag/... and aws:TagKeys. The real service asks for the image, the
// network and the volumes of an instance besides; here an instance stands for itself.
//
// Not implemented: everything but RunInstances, DescribeInstances, TerminateInstances, CreateTags and DescribeTags.
package ec2
