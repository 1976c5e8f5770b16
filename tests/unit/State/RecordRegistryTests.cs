using Berth.Abstractions;
using Berth.Sandboxes;
using Berth.State;
using Xunit;

namespace Berth.Tests.Unit.State;

public sealed class RecordRegistryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("berth-state-").FullName;
    private StateDatabase _database;

    public RecordRegistryTests() => _database = new(Path.Combine(_folder, "berth.db"));

    [Fact]
    public void Load_AfterReopen_GivesEveryFieldBack()
    {
        var registry = new SandboxRegistry(_database);
        var sandbox = Sandbox("a1") with
        {
            Ips = ["10.0.0.2", "fd00::2"],
            Phase = SandboxPhase.Ready,
            Spec = Spec("pod") with
            {
                Labels = new Dictionary<string, string> { ["k"] = "v" },
                PortMappings = [new("tcp", 80, 8080, "")],
                Namespaces = new() { Pid = Berth.Containers.NamespaceMode.Pod },
            },
        };
        registry.Add(sandbox);
        Reopen();

        var again = new SandboxRegistry(_database);
        again.Load();
        var loaded = again.Get("a1")!;
        Assert.Equivalent(sandbox, loaded, strict: true);
        Assert.Equal(Berth.Containers.NamespaceMode.Pod, loaded.Spec.Namespaces.Pid);
        Assert.Empty(loaded.NamespacePaths);
    }

    [Fact]
    public void Find_ByPrefix_OnlyIfOne()
    {
        var registry = new SandboxRegistry(_database);
        registry.Add(Sandbox("ab1", "one") with { Phase = SandboxPhase.Ready });
        registry.Add(Sandbox("ab2", "two") with { Phase = SandboxPhase.Ready });
        registry.Add(Sandbox("ab3", "hidden"));
        Assert.Equal("ab1", registry.Find("ab1")!.Id);
        Assert.Null(registry.Find("ab3"));
        Assert.Null(registry.Find("zz"));
        Assert.Null(registry.Find(""));
        Assert.Equal(RuntimeErrorCode.InvalidArgument, Assert.Throws<RuntimeException>(() => registry.Find("ab")).Code);
    }

    [Fact]
    public void Add_SameName_IsRefusedByTheDatabase()
    {
        var registry = new SandboxRegistry(_database);
        registry.Add(Sandbox("a1"));
        Assert.ThrowsAny<Exception>(() => registry.Add(Sandbox("a2")));
        Assert.Null(registry.Get("a2"));
    }

    [Fact]
    public void Delete_Twice_Succeeds()
    {
        var registry = new SandboxRegistry(_database);
        registry.Add(Sandbox("a1"));
        registry.Delete("a1");
        registry.Delete("a1");
        Assert.Null(registry.Update("a1", s => s with { Ended = true }));
    }

    [Fact]
    public void Open_NewerSchema_IsRefusedWithTheReason()
    {
        _database.Write(c =>
        {
            using var command = c.CreateCommand();
            command.CommandText = "PRAGMA user_version = 99";
            command.ExecuteNonQuery();
        });
        var failure = Assert.Throws<InvalidOperationException>(Reopen);
        Assert.Contains("schema 99", failure.Message, StringComparison.Ordinal);
    }

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Reopen()
    {
        _database.Dispose();
        _database = new(Path.Combine(_folder, "berth.db"));
    }

    private static PodSandboxSpec Spec(string name) => new() { Name = name, Namespace = "default", Uid = "u" };

    private static Sandbox Sandbox(string id, string name = "pod") => new()
    {
        Id = id,
        Spec = Spec(name),
        Phase = SandboxPhase.Creating,
        CreatedAt = DateTimeOffset.UnixEpoch,
        Handler = "runc",
        HandlerReason = "default",
        Cgroup = new() { Path = "/berth/x", OverheadPath = "/berth/x/o" },
    };
}
