package main

import (
	"context"
	"net/http"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	auth "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	authfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2/fake"
	compute "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	computefake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7/fake"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	aksfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6/fake"
	monitor "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
	monitorfake "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor/fake"
)

type credential = azcore.TokenCredential

// service is one module of Microsoft's, with the calls of it that can be checked here.
type service struct {
	calls []string
	open  func(t *trial) policy.Transporter
	// spelling of the fixed parts of its paths. Azure does not tell upper case from lower there, and fakes do.
	spelling *strings.Replacer
}

var lower = strings.NewReplacer("/resourceGroups/", "/resourcegroups/", "/autoscaleSettings", "/autoscalesettings")

var services = []service{
	{
		calls: []string{
			"VirtualMachineScaleSetsClient.Get",
			"VirtualMachineScaleSetsClient.NewListPager",
			"VirtualMachineScaleSetsClient.BeginUpdate",
			"VirtualMachineScaleSetsClient.BeginDeleteInstances",
			"VirtualMachineScaleSetVMsClient.NewListPager",
		},
		open: openCompute,
	},
	{
		calls: []string{
			"ManagedClustersClient.Get",
			"AgentPoolsClient.Get",
			"AgentPoolsClient.NewListPager",
			"AgentPoolsClient.BeginCreateOrUpdate",
			"AgentPoolsClient.BeginDeleteMachines",
		},
		open: openAks,
	},
	{
		calls:    []string{"AutoscaleSettingsClient.NewListBySubscriptionPager"},
		open:     openMonitor,
		spelling: lower,
	},
	{
		calls:    []string{"PermissionsClient.NewListForResourceGroupPager"},
		open:     openAuthorization,
		spelling: lower,
	},
}

func openCompute(t *trial) policy.Transporter {
	sets := client(t, compute.NewVirtualMachineScaleSetsClient)
	machines := client(t, compute.NewVirtualMachineScaleSetVMsClient)
	return computefake.NewServerFactoryTransport(&computefake.ServerFactory{
		VirtualMachineScaleSetsServer: computefake.VirtualMachineScaleSetsServer{
			Get: func(ctx context.Context, group, name string, options *compute.VirtualMachineScaleSetsClientGetOptions) (answer azfake.Responder[compute.VirtualMachineScaleSetsClientGetResponse], no azfake.ErrorResponder) {
				_, _ = sets.Get(ctx, group, name, options)
				answer.SetResponse(http.StatusOK, compute.VirtualMachineScaleSetsClientGetResponse{VirtualMachineScaleSet: scaleSet(name)}, nil)
				return
			},
			NewListPager: func(group string, options *compute.VirtualMachineScaleSetsClientListOptions) (answer azfake.PagerResponder[compute.VirtualMachineScaleSetsClientListResponse]) {
				first(sets.NewListPager(group, options))
				set := scaleSet("aks-pool-1-vmss")
				set.Tags = map[string]*string{"aks-managed-poolName": to.Ptr("pool")}
				answer.AddPage(http.StatusOK, compute.VirtualMachineScaleSetsClientListResponse{VirtualMachineScaleSetListResult: compute.VirtualMachineScaleSetListResult{Value: []*compute.VirtualMachineScaleSet{&set}}}, nil)
				return
			},
			BeginUpdate: func(ctx context.Context, group, name string, change compute.VirtualMachineScaleSetUpdate, options *compute.VirtualMachineScaleSetsClientBeginUpdateOptions) (answer azfake.PollerResponder[compute.VirtualMachineScaleSetsClientUpdateResponse], no azfake.ErrorResponder) {
				_, _ = sets.BeginUpdate(ctx, group, name, change, options)
				answer.SetTerminalResponse(http.StatusOK, compute.VirtualMachineScaleSetsClientUpdateResponse{VirtualMachineScaleSet: scaleSet(name)}, nil)
				return
			},
			BeginDeleteInstances: func(ctx context.Context, group, name string, ids compute.VirtualMachineScaleSetVMInstanceRequiredIDs, options *compute.VirtualMachineScaleSetsClientBeginDeleteInstancesOptions) (answer azfake.PollerResponder[compute.VirtualMachineScaleSetsClientDeleteInstancesResponse], no azfake.ErrorResponder) {
				t.required("instanceIds", len(ids.InstanceIDs))
				_, _ = sets.BeginDeleteInstances(ctx, group, name, ids, options)
				answer.SetTerminalResponse(http.StatusOK, compute.VirtualMachineScaleSetsClientDeleteInstancesResponse{}, nil)
				return
			},
		},
		VirtualMachineScaleSetVMsServer: computefake.VirtualMachineScaleSetVMsServer{
			NewListPager: func(group, set string, options *compute.VirtualMachineScaleSetVMsClientListOptions) (answer azfake.PagerResponder[compute.VirtualMachineScaleSetVMsClientListResponse]) {
				first(machines.NewListPager(group, set, options))
				answer.AddPage(http.StatusOK, compute.VirtualMachineScaleSetVMsClientListResponse{VirtualMachineScaleSetVMListResult: compute.VirtualMachineScaleSetVMListResult{Value: []*compute.VirtualMachineScaleSetVM{machine(set, "0"), machine(set, "1")}}}, nil)
				return
			},
		},
	})
}

func openAks(t *trial) policy.Transporter {
	clusters := client(t, aks.NewManagedClustersClient)
	pools := client(t, aks.NewAgentPoolsClient)
	return aksfake.NewServerFactoryTransport(&aksfake.ServerFactory{
		ManagedClustersServer: aksfake.ManagedClustersServer{
			Get: func(ctx context.Context, group, name string, options *aks.ManagedClustersClientGetOptions) (answer azfake.Responder[aks.ManagedClustersClientGetResponse], no azfake.ErrorResponder) {
				_, _ = clusters.Get(ctx, group, name, options)
				answer.SetResponse(http.StatusOK, aks.ManagedClustersClientGetResponse{ManagedCluster: cluster(name)}, nil)
				return
			},
		},
		AgentPoolsServer: aksfake.AgentPoolsServer{
			Get: func(ctx context.Context, group, cluster, name string, options *aks.AgentPoolsClientGetOptions) (answer azfake.Responder[aks.AgentPoolsClientGetResponse], no azfake.ErrorResponder) {
				_, _ = pools.Get(ctx, group, cluster, name, options)
				answer.SetResponse(http.StatusOK, aks.AgentPoolsClientGetResponse{AgentPool: agentPool(name)}, nil)
				return
			},
			NewListPager: func(group, cluster string, options *aks.AgentPoolsClientListOptions) (answer azfake.PagerResponder[aks.AgentPoolsClientListResponse]) {
				first(pools.NewListPager(group, cluster, options))
				one, other := agentPool("pool"), agentPool("other")
				answer.AddPage(http.StatusOK, aks.AgentPoolsClientListResponse{AgentPoolListResult: aks.AgentPoolListResult{Value: []*aks.AgentPool{&one, &other}}}, nil)
				return
			},
			BeginCreateOrUpdate: func(ctx context.Context, group, cluster, name string, pool aks.AgentPool, options *aks.AgentPoolsClientBeginCreateOrUpdateOptions) (answer azfake.PollerResponder[aks.AgentPoolsClientCreateOrUpdateResponse], no azfake.ErrorResponder) {
				_, _ = pools.BeginCreateOrUpdate(ctx, group, cluster, name, pool, options)
				answer.SetTerminalResponse(http.StatusOK, aks.AgentPoolsClientCreateOrUpdateResponse{AgentPool: agentPool(name)}, nil)
				return
			},
			BeginDeleteMachines: func(ctx context.Context, group, cluster, name string, machines aks.AgentPoolDeleteMachinesParameter, options *aks.AgentPoolsClientBeginDeleteMachinesOptions) (answer azfake.PollerResponder[aks.AgentPoolsClientDeleteMachinesResponse], no azfake.ErrorResponder) {
				t.required("machineNames", len(machines.MachineNames))
				_, _ = pools.BeginDeleteMachines(ctx, group, cluster, name, machines, options)
				answer.SetTerminalResponse(http.StatusOK, aks.AgentPoolsClientDeleteMachinesResponse{}, nil)
				return
			},
		},
	})
}

func openMonitor(t *trial) policy.Transporter {
	settings := client(t, monitor.NewAutoscaleSettingsClient)
	return monitorfake.NewServerFactoryTransport(&monitorfake.ServerFactory{
		AutoscaleSettingsServer: monitorfake.AutoscaleSettingsServer{
			NewListBySubscriptionPager: func(options *monitor.AutoscaleSettingsClientListBySubscriptionOptions) (answer azfake.PagerResponder[monitor.AutoscaleSettingsClientListBySubscriptionResponse]) {
				first(settings.NewListBySubscriptionPager(options))
				answer.AddPage(http.StatusOK, monitor.AutoscaleSettingsClientListBySubscriptionResponse{AutoscaleSettingResourceCollection: monitor.AutoscaleSettingResourceCollection{Value: []*monitor.AutoscaleSettingResource{autoscaleSetting()}}}, nil)
				return
			},
		},
	})
}

// Of the resource that rights are asked for only a resource group can be checked: the client's call for a subscription does
// not exist, and the one for a resource puts two slashes into the path of one that has no parent.
func openAuthorization(t *trial) policy.Transporter {
	permissions := client(t, auth.NewPermissionsClient)
	return authfake.NewServerFactoryTransport(&authfake.ServerFactory{
		PermissionsServer: authfake.PermissionsServer{
			NewListForResourceGroupPager: func(group string, options *auth.PermissionsClientListForResourceGroupOptions) (answer azfake.PagerResponder[auth.PermissionsClientListForResourceGroupResponse]) {
				first(permissions.NewListForResourceGroupPager(group, options))
				answer.AddPage(http.StatusOK, auth.PermissionsClientListForResourceGroupResponse{PermissionGetResult: auth.PermissionGetResult{Value: []*auth.Permission{permission()}}}, nil)
				return
			},
		},
	})
}

// first asks for the first page: that is the request to compare.
func first[T any](pager *runtime.Pager[T]) {
	_, _ = pager.NextPage(context.Background())
}
