using Berth.Abstractions;
using Berth.Containers;
using Berth.Containers.Spec;
using Berth.Linux;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class UserResolverTests : IDisposable
{
    private readonly TestRootfs _rootfs = new();

    public void Dispose() => _rootfs.Dispose();

    [Theory]
    [InlineData("", 0, 0, new uint[] { 0 })]
    [InlineData("0", 0, 0, new uint[] { 0 })]
    [InlineData("web", 1000, 1001, new uint[] { 1001, 50, 60 })]
    [InlineData("1000", 1000, 1001, new uint[] { 1001, 50, 60 })]
    [InlineData("web:logs", 1000, 50, new uint[] { 50, 60 })]
    [InlineData("web:7", 1000, 7, new uint[] { 7, 50, 60 })]
    [InlineData("4242", 4242, 0, new uint[] { 0 })]
    [InlineData("4242:4343", 4242, 4343, new uint[] { 4343 })]
    [InlineData("4294967294", 4294967294, 0, new uint[] { 0 })]
    public void Resolve_ImageUser_HasIdsOfTheImage(string imageUser, uint uid, uint gid, uint[] groups)
    {
        var user = UserResolver.Resolve(_rootfs.Path, imageUser, new());

        Assert.Equal((uid, gid), (user.Uid, user.Gid));
        Assert.Equal(groups, user.SupplementalGroups);
    }

    [Theory]
    [InlineData("4294967296")]
    [InlineData("4294967295")]
    [InlineData("18446744073709551616")]
    [InlineData("-1")]
    [InlineData("+0")]
    [InlineData("0x0")]
    [InlineData("00")]
    [InlineData(" 0")]
    [InlineData("0 ")]
    [InlineData("٠")]
    [InlineData("1000:4294967296")]
    [InlineData("1000:")]
    [InlineData(":0")]
    [InlineData("web:logs:x")]
    [InlineData("nobody-here")]
    [InlineData("bad")]
    [InlineData("web:badgroup")]
    [InlineData("web\nroot")]
    [InlineData("web\0")]
    public void Resolve_HostileImageUser_IsRefused(string imageUser) =>
        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, imageUser, new()), RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void Resolve_AnyText_NeverBecomesRootByAccident() =>
        Gen.String.Where(static s => s.Length > 0 && s is not ("0" or "root") && !s.StartsWith("0:", StringComparison.Ordinal) && !s.StartsWith("root:", StringComparison.Ordinal))
            .Sample(text =>
            {
                try
                {
                    Assert.NotEqual(0u, UserResolver.Resolve(_rootfs.Path, text, new()).Uid);
                }
                catch (RuntimeException e)
                {
                    Assert.Equal(RuntimeErrorCode.InvalidArgument, e.Code);
                }
            }, iter: 300);

    [Fact]
    public void Resolve_RequestedUser_ReplacesTheImages()
    {
        var user = UserResolver.Resolve(_rootfs.Path, "nobody-here", new() { RunAsUser = 1000, RunAsGroup = 9, SupplementalGroups = [77, 50] });

        Assert.Equal((1000u, 9u), (user.Uid, user.Gid));
        Assert.Equal([9, 50, 60, 77], user.SupplementalGroups);
    }

    [Fact]
    public void Resolve_StrictPolicy_LeavesOutGroupsOfTheImage()
    {
        var user = UserResolver.Resolve(
            _rootfs.Path, "", new() { RunAsUsername = "web", SupplementalGroups = [77], SupplementalGroupsPolicy = SupplementalGroupsPolicy.Strict });

        Assert.Equal([1001, 77], user.SupplementalGroups);
    }

    [Theory]
    [InlineData(-1L)]
    [InlineData(4294967295L)]
    [InlineData(4294967296L)]
    [InlineData(long.MaxValue)]
    public void Resolve_IdOutOfRange_IsRefused(long id)
    {
        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, "", new() { RunAsUser = id }), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, "", new() { RunAsUser = 1, RunAsGroup = id }), RuntimeErrorCode.InvalidArgument);
        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, "", new() { SupplementalGroups = [id] }), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Resolve_GroupWithoutUser_IsRefused() =>
        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, "1000", new() { RunAsGroup = 5 }), RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void Resolve_UnknownPolicy_IsRefused() =>
        TestRootfs.Refused(
            () => UserResolver.Resolve(_rootfs.Path, "", new() { SupplementalGroupsPolicy = (SupplementalGroupsPolicy)7 }), RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void Resolve_ImageWithoutAccounts_TakesNumbers()
    {
        Directory.Delete(Path.Combine(_rootfs.Path, "etc"), recursive: true);

        Assert.Equal(1000u, UserResolver.Resolve(_rootfs.Path, "1000:1000", new()).Uid);
        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, "web", new()), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Resolve_HugeSparsePasswd_IsRefusedWithoutReadingIt()
    {
        _rootfs.Replace("etc/passwd", static path =>
        {
            using var file = File.Create(path);
            file.SetLength(20L * 1024 * 1024 * 1024);
        });
        var before = GC.GetAllocatedBytesForCurrentThread();

        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, "web", new()), RuntimeErrorCode.InvalidArgument);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024 * 1024);
    }

    [Fact]
    public async Task Resolve_FifoInPlaceOfGroup_IsRefusedWithoutWaiting()
    {
        var path = Path.Combine(_rootfs.Path, "etc/group");
        File.Delete(path);
        await CommandRunner.RunAsync(new() { Path = "mkfifo", Arguments = [path] }, null, 1024, CancellationToken.None);

        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, "web", new()), RuntimeErrorCode.InvalidArgument);
    }

    [Theory]
    [InlineData("/dev/zero")]
    [InlineData("/etc")]
    [InlineData("passwd")]
    public void Resolve_LinkInPlaceOfPasswd_StaysInTheImage(string target)
    {
        _rootfs.Replace("etc/passwd", path => File.CreateSymbolicLink(path, target));

        TestRootfs.Refused(() => UserResolver.Resolve(_rootfs.Path, "web", new()), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Resolve_LinkToTheHostsPasswd_ReadsTheImages()
    {
        _rootfs.Write("etc/shadowed", "web:x:5:6::/:\n");
        _rootfs.Replace("etc/passwd", static path => File.CreateSymbolicLink(path, "../../../../../../../../etc/shadowed"));

        Assert.Equal(5u, UserResolver.Resolve(_rootfs.Path, "web", new()).Uid);
    }

    [Fact]
    public void Accounts_AnyBytes_NeverFailOtherThanRefused() =>
        Gen.Byte.Array[0, 200].Select(Gen.String[1, 4]).Sample(static (bytes, name) =>
        {
            var accounts = new ImageAccounts(bytes, bytes);
            try
            {
                _ = accounts.FindByName(name);
                _ = accounts.FindByUid(1);
                _ = accounts.FindGroup(name);
                _ = accounts.GroupsOf(name);
            }
            catch (RuntimeException e)
            {
                Assert.Equal(RuntimeErrorCode.InvalidArgument, e.Code);
            }
        });
}
