using Berth.Abstractions;
using Berth.Containers.Spec;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class WorkingDirectoryTests : IDisposable
{
    private readonly TestRootfs _rootfs = new();

    public void Dispose() => _rootfs.Dispose();

    [Theory]
    [InlineData("", "", "/")]
    [InlineData("", "srv", "/srv")]
    [InlineData("", "/a/../../b/", "/b")]
    [InlineData("/work//x", "/srv", "/work/x")]
    [InlineData("/proc", "", "/proc")]
    public void Resolve_Folders_AreNormalised(string requested, string fromImage, string expected) =>
        Assert.Equal(expected, WorkingDirectory.Resolve(_rootfs.Path, requested, fromImage));

    [Theory]
    [InlineData("/proc/self/fd/7")]
    [InlineData("/proc/self/fd/7/../../etc")]
    [InlineData("/dev/fd/8")]
    [InlineData("//proc/./1/root")]
    [InlineData("/link")]
    [InlineData("/link/sub")]
    [InlineData("/up")]
    [InlineData("/chain")]
    [InlineData("/loop")]
    [InlineData("relative")]
    public void Resolve_PathsIntoProc_AreRefused(string path)
    {
        File.CreateSymbolicLink(Path.Combine(_rootfs.Path, "link"), "/proc/self/fd/7");
        File.CreateSymbolicLink(Path.Combine(_rootfs.Path, "up"), "../../proc/self/fd/7/../..");
        File.CreateSymbolicLink(Path.Combine(_rootfs.Path, "chain"), "link/..");
        File.CreateSymbolicLink(Path.Combine(_rootfs.Path, "loop"), "loop");

        TestRootfs.Refused(() => WorkingDirectory.Resolve(_rootfs.Path, path, ""), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Resolve_LinkWithinTheImage_IsKept()
    {
        Directory.CreateDirectory(Path.Combine(_rootfs.Path, "real/deep"));
        File.CreateSymbolicLink(Path.Combine(_rootfs.Path, "app"), "/real/../real");

        Assert.Equal("/app/deep", WorkingDirectory.Resolve(_rootfs.Path, "", "/app/deep"));
    }
}
