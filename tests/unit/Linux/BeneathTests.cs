using Berth.Linux;
using Xunit;

namespace Berth.Tests.Unit.Linux;

public sealed class BeneathTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("berth-beneath-").FullName;

    [Fact]
    public void OpenInRoot_AbsoluteLink_StartsAtTheRoot()
    {
        Directory.CreateDirectory(Path.Combine(_root, "etc"));
        File.WriteAllText(Path.Combine(_root, "etc/real"), "inside");
        File.CreateSymbolicLink(Path.Combine(_root, "etc/passwd"), "/etc/real");
        using var root = SafeFd.OpenDirectory(_root);
        using var file = Beneath.OpenInRoot(root, "etc/passwd");
        var buffer = new byte[16];
        Assert.Equal(6, file.Read(buffer));
    }

    [Theory]
    [InlineData("../../../../../../etc/shadow")]
    [InlineData("link/shadow")]
    public void OpenInRoot_ClimbsOut_FindsNothing(string path)
    {
        File.CreateSymbolicLink(Path.Combine(_root, "link"), "../../../../../../etc");
        using var root = SafeFd.OpenDirectory(_root);
        Assert.True(Assert.Throws<LinuxException>(() => Beneath.OpenInRoot(root, path)).IsNotFound);
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
