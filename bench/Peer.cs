using Berth.Tests.Support;

namespace Berth.Bench;

/// <summary>Something that is measured: a runtime handler behind a CRI socket.</summary>
/// <param name="Name">For the table.</param>
/// <param name="Client">The socket.</param>
/// <param name="Handler">The RuntimeClass handler; empty is the default.</param>
/// <param name="Logs">Where its pods' logs go.</param>
/// <param name="Cgroups">The parent of its pods' cgroups.</param>
internal sealed record Peer(string Name, CriClient Client, string Handler, string Logs, string Cgroups);
