using System.Text.Json.Nodes;

namespace Berth.Tests.Contract;

/// <summary>What config.json says of the process and its files is what the process finds.</summary>
public sealed class ProcessContract
{
    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Process_InTheBundle_HasItsEnvironmentUserAndFolder(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var request = await turn.Pod.PlanAsync("echo [$COLOUR] [$(id -u):$(id -g):$(id -G)] [$PWD]", edit: static config =>
        {
            var process = config["process"]!;
            process["env"]!.AsArray().Add("COLOUR=a b");
            process["cwd"] = "/tmp";
            process["user"] = new JsonObject { ["uid"] = 1234, ["gid"] = 5678, ["additionalGids"] = new JsonArray(5678, 90) };
        });
        var container = await turn.Pod.RunAsync(request);
        Assert.Equal(0, (await container.Init.Exit.Soon()).Code);
        Assert.Contains("[a b] [1234:5678:5678 90] [/tmp]", await File.ReadAllTextAsync(request.LogPath!));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Mount_OfAFolder_IsWrittenFromBothSides(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.SharedFolders);
        var folder = turn.Pod.NewFolder("shared");
        var request = await turn.Pod.PlanAsync(
            "echo inside > /data/in; until [ -e /data/out ]; do sleep 0.02; done; cat /data/out",
            edit: config => config["mounts"]!.AsArray().Add(Bundle.BindMount(folder, "/data", readOnly: false)));
        var container = await turn.Pod.RunAsync(request);
        Assert.Equal("inside\n", await Waiting.ContentAsync(Path.Combine(folder, "in"), static c => c.EndsWith('\n')));
        var written = Path.Combine(folder, "new");
        await File.WriteAllTextAsync(written, "outside\n");
        File.Move(written, Path.Combine(folder, "out"));
        Assert.Equal(0, (await container.Init.Exit.Soon()).Code);
        Assert.Contains("stdout F outside", await File.ReadAllTextAsync(request.LogPath!));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Mount_OfAReadOnlyFile_CannotBeWritten(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        var file = Path.Combine(turn.Pod.NewFolder("files"), "hosts");
        await File.WriteAllTextAsync(file, "10.0.0.1 contract\n");
        var request = await turn.Pod.PlanAsync(
            "cat /etc/hosts; echo more >> /etc/hosts || echo refused",
            edit: config => config["mounts"]!.AsArray().Add(Bundle.BindMount(file, "/etc/hosts", readOnly: true)));
        await (await turn.Pod.RunAsync(request)).Init.Exit.Soon();
        var log = await File.ReadAllTextAsync(request.LogPath!);
        Assert.Contains("10.0.0.1 contract", log);
        Assert.Contains("refused", log);
        Assert.Equal("10.0.0.1 contract\n", await File.ReadAllTextAsync(file));
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task Mount_WithOptions_HasThem(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised, Lacks.MountOptions);
        var folder = turn.Pod.NewFolder("limited");
        var request = await turn.Pod.PlanAsync(
            "while read -r what place type options rest; do case $place in /free | /limited) echo $place $options ;; esac; done < /proc/mounts",
            edit: config =>
            {
                var limited = Bundle.BindMount(folder, "/limited", readOnly: true);
                limited["options"]!.AsArray().Add("noexec");
                config["mounts"]!.AsArray().Add(Bundle.BindMount(folder, "/free", readOnly: true));
                config["mounts"]!.AsArray().Add(limited);
            });
        Assert.Equal(0, (await (await turn.Pod.RunAsync(request)).Init.Exit.Soon()).Code);
        var log = await File.ReadAllTextAsync(request.LogPath!);
        Assert.Matches(@"/limited [a-z0-9_,=]*\bnoexec\b", log);
        Assert.DoesNotMatch(@"/free [a-z0-9_,=]*\bnoexec\b", log);
    }

    [Theory, ClassData(typeof(EveryHandler))]
    public async Task RootFileSystem_OfAContainer_IsItsOwnToWrite(string handler, bool serialised)
    {
        await using var turn = await SharedPods.TakeAsync(handler, serialised);
        const string Script = "echo mine > /own && cat /own /bin/busybox > /both && ls /; exit 0";
        var first = await turn.Pod.PlanAsync(Script);
        Assert.Equal(0, (await (await turn.Pod.RunAsync(first)).Init.Exit.Soon()).Code);
        Assert.Contains("both", await File.ReadAllTextAsync(first.LogPath!));
        var second = await turn.Pod.PlanAsync("ls /");
        Assert.Equal(0, (await (await turn.Pod.RunAsync(second)).Init.Exit.Soon()).Code);
        Assert.DoesNotContain("both", await File.ReadAllTextAsync(second.LogPath!));
    }
}
