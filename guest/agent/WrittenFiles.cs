using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>Small files that the host gives to a container, and may want back.</summary>
internal static class WrittenFiles
{
    public static void Write(WriteFiles request)
    {
        foreach (var folder in (request.Folders ?? []).Append(""))
        {
            Directory.CreateDirectory(PathOf(request.ContainerId, folder));
        }

        foreach (var (name, content) in request.Files)
        {
            var path = PathOf(request.ContainerId, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, content);
        }

        foreach (var (name, rights) in request.Rights ?? new Dictionary<string, FileRights>())
        {
            // In this order: a change of the owner takes setuid and setgid away.
            var path = PathOf(request.ContainerId, name);
            AgentException.Check(Libc.chown(path, rights.Uid, rights.Gid), "chown", path);
            File.SetUnixFileMode(path, (UnixFileMode)rights.Mode);
        }
    }

    public static Dictionary<string, byte[]> Read(ReadFiles request)
    {
        Container.Check(request.ContainerId);
        Dictionary<string, byte[]> files = [];
        foreach (var name in request.Names)
        {
            var path = PathOf(request.ContainerId, name);
            if (File.Exists(path))
            {
                using var file = File.OpenRead(path);
                var content = new byte[(int)Math.Min(file.Length, request.MaxBytes)];
                file.ReadExactly(content);
                files[name] = content;
            }
        }

        return files;
    }

    private static string PathOf(string containerId, string name) => name.Length == 0
        ? GuestPaths.Files(containerId)
        : name.Split('/').Any(static p => p is "" or "." or "..") || name.Contains('\0', StringComparison.Ordinal)
            ? throw AgentException.Invalid($"'{name}' is no name of a file")
            : Path.Combine(GuestPaths.Files(containerId), name);
}
