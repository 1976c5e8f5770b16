using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Linux;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class CapabilityPlanTests
{
    private static readonly CapabilitySet Own = TestRootfs.Host.BoundingSet;
    private static readonly string[] Choices = [.. CapabilitySet.All.Names, "ALL", "all", "net_admin", "KILL"];
    private static readonly Gen<string[]> Names = Gen.Int[0, Choices.Length - 1].Select(static i => Choices[i]).Array[0, 6];

    [Fact]
    public void Create_NothingAsked_HasTheFourteenDefaults()
    {
        var plan = CapabilityPlan.Create(new(), Own);

        Assert.Equal(
            [
                "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
                "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP",
            ],
            plan.ToOci().Bounding);
        Assert.Empty(plan.ToOci().Inheritable);
    }

    [Fact]
    public void Create_DropAllAddOne_HasThatOne() =>
        Assert.Equal(["CAP_NET_ADMIN"], CapabilityPlan.Create(new() { DropCapabilities = ["ALL"], AddCapabilities = ["net_admin"] }, Own).Granted.Names);

    [Fact]
    public void Create_AddAllDropOne_HasOurBoundingSetWithoutIt() =>
        Assert.Equal(
            Own.Except(TestRootfs.Capability("KILL")),
            CapabilityPlan.Create(new() { AddCapabilities = ["ALL"], DropCapabilities = ["CAP_KILL"] }, Own).Granted);

    [Fact]
    public void Create_Ambient_IsInEverySet()
    {
        var oci = CapabilityPlan.Create(new() { DropCapabilities = ["ALL"], AddAmbientCapabilities = ["NET_BIND_SERVICE"] }, Own).ToOci();

        Assert.All([oci.Ambient, oci.Inheritable, oci.Permitted, oci.Effective, oci.Bounding], set => Assert.Equal(["CAP_NET_BIND_SERVICE"], set));
    }

    [Theory]
    [InlineData("CAP_NONSENSE")]
    [InlineData("")]
    [InlineData("CAP_")]
    [InlineData("CAP_CAP_KILL")]
    public void Create_UnknownName_IsRefused(string name)
    {
        TestRootfs.Refused(() => CapabilityPlan.Create(new() { AddCapabilities = [name] }, Own), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(() => CapabilityPlan.Create(new() { DropCapabilities = [name] }, Own), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Create_BeyondOurBoundingSet_IsRefusedByName() =>
        Assert.Contains(
            "CAP_SYS_RESOURCE",
            TestRootfs.Refused(() => CapabilityPlan.Create(new() { AddCapabilities = ["SYS_RESOURCE"] }, Own), RuntimeErrorCode.FailedPrecondition).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Create_Privileged_HasOurBoundingSet() =>
        Assert.Equal(Own, CapabilityPlan.Create(new() { Privileged = true }, Own).Granted);

    [Fact]
    public void Create_AnyRequest_StaysWithinOurBoundingSet() =>
        Gen.Select(Names, Names, Names, Gen.ULong, Gen.Bool).Sample(static (add, drop, ambient, own, privileged) =>
        {
            var security = new SecurityContext { AddCapabilities = add, DropCapabilities = drop, AddAmbientCapabilities = ambient, Privileged = privileged };
            try
            {
                var plan = CapabilityPlan.Create(security, new(own));
                Assert.True(new CapabilitySet(own).Contains(plan.Granted));
                Assert.True(plan.Granted.Contains(plan.Ambient));
            }
            catch (RuntimeException e)
            {
                Assert.Equal(RuntimeErrorCode.FailedPrecondition, e.Code);
            }
        });

    [Fact]
    public void OwnBoundingSet_OfThisProcess_IsReadFromTheKernel() =>
        Assert.Contains($"CapBnd:\t{CapabilitySet.OwnBoundingSet().Bits:x16}", File.ReadAllText("/proc/self/status"), StringComparison.Ordinal);
}
