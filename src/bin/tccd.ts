#!/usr/bin/env node
import { main } from '../daemon/main';
import { thisProcess } from '../daemon/surroundings';

void main(thisProcess()).then((code) => process.exit(code));
