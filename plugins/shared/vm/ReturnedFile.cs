namespace Berth.Plugins.Vm;

/// <summary>A file of the host that was copied into the guest and that the container may write: it goes back when the container ends.</summary>
internal sealed record ReturnedFile
{
    /// <summary>The copy's name in the guest.</summary>
    public required string Name { get; init; }

    /// <summary>On the host.</summary>
    public required string HostPath { get; init; }

    /// <summary>The file that was there: another one by the same path is not written.</summary>
    public required ulong FileSystem { get; init; }

    /// <summary>The same.</summary>
    public required ulong Inode { get; init; }

    /// <summary>Of what was copied, in hex: what the container did not change stays as it is on the host.</summary>
    public required string Sha256 { get; init; }
}
