package main

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	auth "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/authorization/armauthorization/v2"
	compute "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
	aks "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerservice/armcontainerservice/v6"
	monitor "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
)

// What is answered: two machines at rest in every set, whoever asks.

const (
	location = "westeurope"
	size     = "Standard_NC24ads_A100_v4"
)

func scaleSet(name string) compute.VirtualMachineScaleSet {
	return compute.VirtualMachineScaleSet{
		Name:     &name,
		Location: to.Ptr(location),
		Etag:     to.Ptr(`"1"`),
		SKU:      &compute.SKU{Name: to.Ptr(size), Tier: to.Ptr("Standard"), Capacity: to.Ptr[int64](2)},
		Zones:    []*string{to.Ptr("1")},
		Properties: &compute.VirtualMachineScaleSetProperties{
			OrchestrationMode:    to.Ptr(compute.OrchestrationModeUniform),
			ProvisioningState:    to.Ptr("Succeeded"),
			SinglePlacementGroup: to.Ptr(false),
			Overprovision:        to.Ptr(false),
			VirtualMachineProfile: &compute.VirtualMachineScaleSetVMProfile{
				Priority:       to.Ptr(compute.VirtualMachinePriorityTypesSpot),
				EvictionPolicy: to.Ptr(compute.VirtualMachineEvictionPolicyTypesDelete),
			},
		},
	}
}

func machine(set, id string) *compute.VirtualMachineScaleSetVM {
	return &compute.VirtualMachineScaleSetVM{
		Name:       to.Ptr(set + "_" + id),
		InstanceID: &id,
		Location:   to.Ptr(location),
		Zones:      []*string{to.Ptr("1")},
		SKU:        &compute.SKU{Name: to.Ptr(size)},
		Properties: &compute.VirtualMachineScaleSetVMProperties{
			ProvisioningState: to.Ptr("Succeeded"),
			OSProfile:         &compute.OSProfile{ComputerName: to.Ptr(set + "00000" + id)},
			InstanceView: &compute.VirtualMachineScaleSetVMInstanceView{Statuses: []*compute.InstanceViewStatus{
				{Code: to.Ptr("ProvisioningState/succeeded")},
				{Code: to.Ptr("PowerState/running")},
			}},
		},
	}
}

func cluster(name string) aks.ManagedCluster {
	return aks.ManagedCluster{
		Name:       &name,
		Location:   to.Ptr(location),
		Properties: &aks.ManagedClusterProperties{NodeResourceGroup: to.Ptr("nodes")},
	}
}

func agentPool(name string) aks.AgentPool {
	return aks.AgentPool{
		Name: &name,
		Properties: &aks.ManagedClusterAgentPoolProfileProperties{
			Count:                      to.Ptr[int32](2),
			VMSize:                     to.Ptr(size),
			Type:                       to.Ptr(aks.AgentPoolTypeVirtualMachineScaleSets),
			Mode:                       to.Ptr(aks.AgentPoolModeUser),
			OSType:                     to.Ptr(aks.OSTypeLinux),
			OSDiskSizeGB:               to.Ptr[int32](128),
			MaxPods:                    to.Ptr[int32](30),
			PowerState:                 &aks.PowerState{Code: to.Ptr(aks.CodeRunning)},
			EnableAutoScaling:          to.Ptr(false),
			ScaleSetPriority:           to.Ptr(aks.ScaleSetPrioritySpot),
			ScaleSetEvictionPolicy:     to.Ptr(aks.ScaleSetEvictionPolicyDelete),
			SpotMaxPrice:               to.Ptr[float32](-1),
			AvailabilityZones:          []*string{to.Ptr("1")},
			NodeLabels:                 map[string]*string{"team": to.Ptr("vision")},
			NodeTaints:                 []*string{to.Ptr("nvidia.com/gpu=present:NoSchedule")},
			GpuInstanceProfile:         to.Ptr(aks.GPUInstanceProfileMIG1G),
			UpgradeSettings:            &aks.AgentPoolUpgradeSettings{MaxSurge: to.Ptr("10%")},
			CurrentOrchestratorVersion: to.Ptr("1.35.1"),
			NodeImageVersion:           to.Ptr("AKSUbuntu-2204gen2containerd-202611.01.0"),
			ETag:                       to.Ptr("7"),
			ProvisioningState:          to.Ptr("Succeeded"),
		},
	}
}

func autoscaleSetting() *monitor.AutoscaleSettingResource {
	return &monitor.AutoscaleSettingResource{
		Name:     to.Ptr("asleep"),
		Location: to.Ptr(location),
		Properties: &monitor.AutoscaleSetting{
			Name:              to.Ptr("asleep"),
			Enabled:           to.Ptr(false),
			Profiles:          []*monitor.AutoscaleProfile{},
			TargetResourceURI: to.Ptr("/subscriptions/none"),
		},
	}
}

func permission() *auth.Permission {
	return &auth.Permission{
		Actions:    []*string{to.Ptr("Microsoft.Compute/*")},
		NotActions: []*string{},
	}
}
