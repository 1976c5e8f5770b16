namespace Berth.Images.Registries;

/// <summary>What the downloads of one pull share.</summary>
internal sealed record DownloadContext(StallTimer Stall, Bandwidth Bandwidth, PullProgress Progress, TimeProvider Time, ILogger Logger);
