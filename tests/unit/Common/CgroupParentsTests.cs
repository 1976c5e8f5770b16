using Berth.Abstractions;
using Berth.Common;
using Xunit;

namespace Berth.Tests.Unit.Common;

public sealed class CgroupParentsTests
{
    [Theory]
    [InlineData(CgroupDriver.Cgroupfs, "", "/berth")]
    [InlineData(CgroupDriver.Cgroupfs, "kubepods/pod1/", "/kubepods/pod1")]
    [InlineData(CgroupDriver.Systemd, "", "/system.slice")]
    [InlineData(CgroupDriver.Systemd, "a-b.slice", "/a.slice/a-b.slice")]
    [InlineData(CgroupDriver.Systemd, "/a.slice/a-b.slice", "/a.slice/a-b.slice")]
    public void Resolve_ParentThatFitsTheDriver_IsItsPath(CgroupDriver driver, string parent, string path) =>
        Assert.Equal(path, CgroupParents.Resolve(driver, parent));

    [Theory]
    [InlineData(CgroupDriver.Cgroupfs, "a.slice")]
    [InlineData(CgroupDriver.Cgroupfs, "/a.slice/a-b.slice")]
    [InlineData(CgroupDriver.Cgroupfs, "/a/../b")]
    [InlineData(CgroupDriver.Cgroupfs, "/a\n")]
    [InlineData(CgroupDriver.Systemd, "/kubepods/pod1")]
    public void Resolve_ParentOfTheOtherDriver_IsInvalidArgument(CgroupDriver driver, string parent) =>
        Assert.Equal(RuntimeErrorCode.InvalidArgument, Assert.Throws<RuntimeException>(() => CgroupParents.Resolve(driver, parent)).Code);
}
