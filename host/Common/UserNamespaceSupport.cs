namespace Berth.Common;

/// <summary>
/// Whether pods can have user namespaces as far as the kernel and the file system of the images go: found out once at the start.
/// What the runtime can is its handler's to say.
/// </summary>
public sealed class UserNamespaceSupport
{
    /// <summary>What is missing, in one line; null if pods can have them.</summary>
    public string? Reason { get; set; } = "it has not been tried yet";
}
