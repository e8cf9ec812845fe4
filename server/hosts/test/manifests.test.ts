import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findManifests } from '../src/manifests.ts';
import { makePlugins, type PluginFolder } from './plugins.ts';

let plugins: PluginFolder;
beforeEach(() => {
  plugins = makePlugins();
});
afterEach(() => plugins.remove());

const found = () => findManifests({ nodeModules: [], plugins: [plugins.path] });

describe('a folder among the plugins', () => {
  it('is read by its manifest, no code of it runs', () => {
    const module = plugins.add('good', 'throw new Error("it ran")');
    expect(found()).toEqual([{ package: 'good', version: '1.2.3', module, broken: null }]);
  });

  it.each([
    ['no JSON', '{', /not JSON/],
    ['null', 'null', /has no "sampan"/],
    ['a list', '[]', /has no "sampan"/],
    ['without the entry', '{}', /has no "sampan"/],
    ['with a module that is a number', '{"sampan":{"connector":5,"api":1}}', /has no "sampan"/],
    ['for another contract', '{"sampan":{"connector":"./index.js","api":2}}', /version 2 of the contract/],
    ['without a version of the contract', '{"sampan":{"connector":"./index.js"}}', /version undefined/],
    ['with a module that is not there', '{"sampan":{"connector":"./dist.js","api":1}}', /dist\.js is not there/],
    ['with a module above its folder', '{"sampan":{"connector":"../x.js","api":1}}', /outside its folder/],
    ['with a module in a folder of nearly its name', '{"sampan":{"connector":"../bad-2/index.js","api":1}}', /outside/],
    ['with a name that is no text', '{"name":5,"version":{},"sampan":{"connector":"./index.js","api":2}}', /version 2/],
  ])('whose package.json is %s is listed with its reason', (_, text, reason) => {
    plugins.add('bad', '');
    plugins.add('bad-2', '');
    writeFileSync(join(plugins.path, 'bad', 'package.json'), text);
    const bad = found().find((one) => one.package === 'bad');
    expect(bad?.broken).toMatch(reason);
    expect(bad?.version).toBeTypeOf('string');
  });

  it('without a package.json, and a link that leads nowhere, are told; files and hidden folders are not', () => {
    mkdirSync(join(plugins.path, 'empty'));
    mkdirSync(join(plugins.path, '.git'));
    writeFileSync(join(plugins.path, 'README.md'), '');
    symlinkSync('/nowhere/at/all', join(plugins.path, 'link'));
    expect(found().map((one) => [one.package, one.broken])).toEqual([
      ['empty', 'it has no package.json'],
      ['link', 'it has no package.json'],
    ]);
  });

  it('is listed once where two links lead to it', () => {
    plugins.add('good', '');
    symlinkSync(join(plugins.path, 'good'), join(plugins.path, 'same'));
    expect(found().length).toBe(1);
  });
});

describe('plugin folders', () => {
  it('that are not there hold nothing; one that is a file is told', () => {
    expect(findManifests({ nodeModules: ['/nowhere'], plugins: ['/nowhere'] })).toEqual([]);
    const file = join(plugins.path, 'file');
    writeFileSync(file, '');
    expect(findManifests({ nodeModules: [], plugins: [file] })).toEqual([
      { package: 'file', version: '', module: '', broken: 'the plugin folder cannot be read (ENOTDIR)' },
    ]);
  });
});

describe('packages in node_modules', () => {
  it('that have nothing to do with Sampan are passed over, however odd; scoped ones are found', () => {
    const modules = plugins.path;
    plugins.add('odd', '');
    writeFileSync(join(modules, 'odd', 'package.json'), 'null');
    mkdirSync(join(modules, '@scope'));
    plugins.add('@scope/connector', '');
    expect(findManifests({ nodeModules: [modules], plugins: [] }).map((one) => one.package)).toEqual([
      '@scope/connector',
    ]);
  });
});
