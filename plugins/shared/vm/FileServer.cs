using Berth.Abstractions;
using Berth.Linux;

namespace Berth.Plugins.Vm;

/// <summary>
/// virtiofsd, which serves a folder to one VM. There are two programs of this name: the one that came with QEMU up to 7.2
/// (options after <c>-o</c>), and the one of its own project in Rust.
/// </summary>
internal sealed class FileServer(string? configured)
{
    private const int SocketDescriptor = 4;
    private const string WithQemu = "/usr/lib/qemu/virtiofsd";
    private const string OfItsOwn = "/usr/libexec/virtiofsd";

    /// <summary>The program.</summary>
    /// <exception cref="RuntimeException">There is none; the message names the package.</exception>
    public string Executable => (configured is null ? (string[])[OfItsOwn, WithQemu] : [configured]).FirstOrDefault(static p => Berth.Linux.Executable.Find(p) is not null)
        ?? throw RuntimeException.Unavailable(
            $"the file server is not {configured ?? $"{OfItsOwn} or {WithQemu}"}: install the Debian package virtiofsd (13) or qemu-system-x86 (12), or set the option 'fileServer'");

    public HeldProcess Start(VmFiles files, string? networkNamespace)
    {
        using var socket = UnixSocket.Listen(files.FileServer);
        using var log = SafeFdLog.Create(files.FileServerLog);
        var path = Executable;
        return HeldProcess.Start(new()
        {
            Path = path,
            Arguments = path.Contains("/qemu/", StringComparison.Ordinal) ? WithQemuArguments(files) : OwnArguments(files),
            NetworkNamespace = networkNamespace,
            Descriptors = new Dictionary<int, SafeFd> { [2] = log, [SocketDescriptor] = socket },
        });
    }

    // rlimit-nofile=0: raising the limit needs a capability that we may not have. No xattr map: root in the guest is root here,
    // but sees nothing beyond the folder, whose mounts are the pod's own.
    private static List<string> WithQemuArguments(VmFiles files) =>
    [
        "-f", $"--fd={SocketDescriptor}", "--rlimit-nofile=0",
        "-o", $"source={files.Share}", "-o", "announce_submounts", "-o", "cache=auto", "-o", "sandbox=namespace", "-o", "xattr", "-o", "log_level=err",
    ];

    private static List<string> OwnArguments(VmFiles files) =>
    [
        $"--fd={SocketDescriptor}", "--rlimit-nofile=0",
        $"--shared-dir={files.Share}", "--announce-submounts", "--cache=auto", "--sandbox=namespace", "--xattr", "--log-level=error",
    ];
}
