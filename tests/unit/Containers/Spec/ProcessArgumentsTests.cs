using Berth.Abstractions;
using Berth.Containers.Spec;
using CsCheck;
using Xunit;

namespace Berth.Tests.Unit.Containers.Spec;

public sealed class ProcessArgumentsTests
{
    private static readonly ImageDefaults Image = new() { Entrypoint = ["/entry"], Cmd = ["image-arg"] };

    [Theory]
    [InlineData(new string[0], new string[0], new[] { "/entry", "image-arg" })]
    [InlineData(new[] { "/c" }, new string[0], new[] { "/c" })]
    [InlineData(new string[0], new[] { "a" }, new[] { "/entry", "a" })]
    [InlineData(new[] { "/c" }, new[] { "a", "" }, new[] { "/c", "a", "" })]
    public void Args_CommandAndArguments_ReplaceTheImages(string[] command, string[] args, string[] expected) =>
        Assert.Equal(expected, ProcessArguments.Args(TestRootfs.Container() with { Command = command, Args = args }, Image));

    [Fact]
    public void Args_NothingAnywhere_IsRefused()
    {
        var refused = TestRootfs.Refused(() => ProcessArguments.Args(TestRootfs.Container(), new()), RuntimeErrorCode.InvalidArgument);

        Assert.StartsWith("no command specified", refused.Message, StringComparison.Ordinal);
        TestRootfs.Refused(() => ProcessArguments.Args(TestRootfs.Container() with { Command = [""] }, Image), RuntimeErrorCode.InvalidArgument);
    }

    [Fact]
    public void Args_AnyRequest_AreNeverEmpty() =>
        Gen.Select(Gen.String.Array[0, 2], Gen.String.Array[0, 2], Gen.String.Array[0, 2], Gen.String.Array[0, 2]).Sample(static (command, args, entry, cmd) =>
        {
            try
            {
                Assert.NotEqual("", ProcessArguments.Args(TestRootfs.Container() with { Command = command, Args = args }, new() { Entrypoint = entry, Cmd = cmd })[0]);
            }
            catch (RuntimeException e)
            {
                Assert.Equal(RuntimeErrorCode.InvalidArgument, e.Code);
            }
        });

    [Fact]
    public void Environment_AllSources_LastWinsInItsPlace()
    {
        var container = TestRootfs.Container() with { Terminal = true, Environment = [new("A", "request"), new("B", "x=y\nz"), new("B", "last")] };

        var environment = ProcessArguments.Environment(container, new() { Env = ["PATH=/bin", "A=image", "EMPTY"] }, "pod-1");

        Assert.Equal(["PATH=/bin", "TERM=xterm", "HOSTNAME=pod-1", "A=request", "EMPTY=", "B=last"], environment);
    }

    [Theory]
    [InlineData("")]
    [InlineData("A=B")]
    public void Environment_BadName_IsRefused(string name) =>
        TestRootfs.Refused(
            () => ProcessArguments.Environment(TestRootfs.Container() with { Environment = [new(name, "x")] }, new(), "h"), RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void Environment_TwoContainersOfOneImage_ShareNothing()
    {
        var image = new ImageDefaults { Env = ["A=image"] };

        Parallel.For(0, 200, i =>
        {
            var environment = ProcessArguments.Environment(TestRootfs.Container() with { Environment = [new($"N{i}", "1"), new("A", $"{i}")] }, image, "h");
            Assert.Equal([$"A={i}", $"N{i}=1"], environment.Skip(2));
        });
        Assert.Equal(["A=image"], image.Env);
    }

    [Theory]
    [InlineData("a\0b")]
    [InlineData("long")]
    public void CheckSizes_WhatExecveRefuses_IsRefused(string text) =>
        TestRootfs.Refused(
            () => ProcessArguments.CheckSizes([text == "long" ? new string('x', 128 * 1024) : text]), RuntimeErrorCode.InvalidArgument);

    [Fact]
    public void CheckSizes_ManyStrings_AreRefusedTogether() =>
        TestRootfs.Refused(() => ProcessArguments.CheckSizes(Enumerable.Repeat(new string('x', 1000), 50_000)), RuntimeErrorCode.InvalidArgument);
}
