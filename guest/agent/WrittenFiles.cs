using Berth.Guest.Protocol;

namespace Berth.Guest.Agent;

/// <summary>Small files that the host gives to a container, and may want back.</summary>
internal static class WrittenFiles
{
    public static void Write(WriteFiles request)
    {
        var folder = GuestPaths.Files(request.ContainerId);
        Directory.CreateDirectory(folder);
        foreach (var (name, content) in request.Files)
        {
            Container.Check(name);
            File.WriteAllBytes(Path.Combine(folder, name), content);
        }
    }

    public static Dictionary<string, byte[]> Read(ReadFiles request)
    {
        Container.Check(request.ContainerId);
        Dictionary<string, byte[]> files = [];
        foreach (var name in request.Names)
        {
            Container.Check(name);
            var path = Path.Combine(GuestPaths.Files(request.ContainerId), name);
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
}
