using Berth.Linux;

namespace Berth.Tests.Support;

/// <summary>A folder that is gone at the end, with all that was mounted in it.</summary>
public sealed class TempFolder : IDisposable
{
    /// <param name="parent">A short path leaves room for sockets; /var/lib is on a disk, where overlayfs works.</param>
    public TempFolder(string parent = "/tmp")
    {
        Path = System.IO.Path.Combine(parent, "berth-test-" + Guid.NewGuid().ToString("N")[..8]);
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    /// <summary>A path within it.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>A folder within it, made.</summary>
    public string Folder(string name) => Directory.CreateDirectory(this[name]).FullName;

    /// <summary>Writes a file within it and returns its path.</summary>
    public string File(string name, string content)
    {
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(this[name])!);
        System.IO.File.WriteAllText(this[name], content);
        return this[name];
    }

    public void Dispose()
    {
        MountTable.UnmountBeneath(Path);
        Directory.Delete(Path, recursive: true);
    }
}
