using System.Text.Json;
using Berth.Linux;

namespace Berth.Plugins.Oci;

/// <summary>
/// The bundle of a check's container. On top of the least that any runtime takes it may ask for what some cannot, or pass over in
/// silence: whether it came true is then to be seen from outside, in the created container.
/// </summary>
internal sealed class ProbeBundle(string folder, string cgroup)
{
    private const string CheckedMount = "/checked";
    private const string LimitedMount = "/limited";
    private static readonly string[] Limits = ["nosuid", "nodev", "noexec"];

    // As outside: the folders on the way to the bundle are root's alone.
    private static readonly IdRange Ids = new(0, 0, 1 << 16);

    public string Folder => folder;

    public string PrivateDirectory => Path.Combine(folder, "private");

    private string Rootfs => Path.Combine(folder, "rootfs");

    private string Mounted => Path.Combine(folder, "mounted");

    private string UserPin => Path.Combine(folder, "user");

    /// <summary>Makes it.</summary>
    /// <exception cref="IOException">The kernel has no user namespaces, if one is asked for.</exception>
    public async Task MakeAsync(string ociVersion, Asked asked, CancellationToken cancellationToken)
    {
        Remove();
        foreach (var path in (string[])[PrivateDirectory, Mounted, Path.Combine(Rootfs, "proc"), Path.Combine(Rootfs, "dev"), Rootfs + CheckedMount, Rootfs + LimitedMount])
        {
            Directory.CreateDirectory(path);
        }

        // The command is never run; it only must be an executable file.
        var command = Path.Combine(Rootfs, "command");
        await File.WriteAllTextAsync(command, "", cancellationToken).ConfigureAwait(false);
        File.SetUnixFileMode(command, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        if (asked.HasFlag(Asked.RecursiveReadOnly))
        {
            Mounts.Tmpfs(Directory.CreateDirectory(Path.Combine(Mounted, "nested")).FullName, 4096, "700");
        }

        if (asked.HasFlag(Asked.UserNamespace))
        {
            await File.Create(UserPin).DisposeAsync().ConfigureAwait(false);
            await UserNamespaces.CreateAsync(new() { User = new() { Path = UserPin, Uids = Ids, Gids = Ids } }, cancellationToken).ConfigureAwait(false);
        }

        await File.WriteAllTextAsync(Path.Combine(folder, "config.json"), Config(ociVersion, asked), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What of that which was asked for the created container has.</summary>
    public static Asked Look(int pid)
    {
        try
        {
            var mounts = MountTable.Of(pid);
            var isReadOnly = OptionsOf($"{CheckedMount}/nested").Contains("ro");
            var isLimited = Limits.All(OptionsOf(LimitedMount).Contains);
            var users = File.ResolveLinkTarget($"/proc/{pid}/ns/user", returnFinalTarget: false)?.Name;
            var isApart = users is not null && users != File.ResolveLinkTarget("/proc/self/ns/user", returnFinalTarget: false)?.Name;
            return (isReadOnly ? Asked.RecursiveReadOnly : Asked.Nothing) | (isApart ? Asked.UserNamespace : Asked.Nothing) | (isLimited ? Asked.MountOptions : Asked.Nothing);

            string[] OptionsOf(string place) => mounts.FirstOrDefault(m => m.MountPoint == place)?.Options.Split(',') ?? [];
        }
        catch (IOException)
        {
            return Asked.Nothing; // no process of the host's, or it is gone
        }
    }

    /// <summary>Removes it; what an earlier check left, too.</summary>
    public void Remove()
    {
        MountTable.UnmountBeneath(folder);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private string Config(string ociVersion, Asked asked)
    {
        var mount = (asked.HasFlag(Asked.RecursiveReadOnly) ? Bind(CheckedMount, "rro") : "") + (asked.HasFlag(Asked.MountOptions) ? Bind(LimitedMount, ["ro", .. Limits]) : "");
        const string Mapping = """[{ "containerID": 0, "hostID": 0, "size": 65536 }]""";
        var (users, mappings) = asked.HasFlag(Asked.UserNamespace)
            ? ($$""", { "type": "user", "path": {{Quote(UserPin)}} }""", $""" "uidMappings": {Mapping}, "gidMappings": {Mapping}, """)
            : ("", "");
        return $$"""
            {
              "ociVersion": {{Quote(ociVersion)}},
              "process": { "user": { "uid": 0, "gid": 0 }, "args": ["/command"], "cwd": "/", "env": ["PATH=/"] },
              "root": { "path": {{Quote(Rootfs)}}, "readonly": true },
              "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc" },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"] }{{mount}}
              ],
              "linux": {
                "cgroupsPath": {{Quote(cgroup)}},
                "resources": { "pids": { "limit": 64 } },{{mappings}}
                "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "ipc" }, { "type": "uts" }, { "type": "network" }{{users}}]
              }
            }
            """;
    }

    private string Bind(string place, params string[] options) =>
        $$""", { "destination": "{{place}}", "type": "bind", "source": {{Quote(Mounted)}}, "options": {{JsonSerializer.Serialize((string[])["rbind", "rprivate", .. options])}} }""";

    private static string Quote(string text) => $"\"{JsonEncodedText.Encode(text)}\"";
}

/// <summary>What a check's container asks for, or has.</summary>
[Flags]
internal enum Asked
{
    Nothing = 0,

    /// <summary>A mount that is read-only with all that is mounted beneath it.</summary>
    RecursiveReadOnly = 1,

    /// <summary>To join a user namespace.</summary>
    UserNamespace = 2,

    /// <summary>A mount with options that take rights away.</summary>
    MountOptions = 4,

    All = RecursiveReadOnly | UserNamespace | MountOptions,
}
