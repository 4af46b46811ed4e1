import './styles/all.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { here } from './state/app.svelte';

const target = document.getElementById('app');
if (target === null) throw new Error('the shell has no #app');
here.start();
mount(App, { target });
